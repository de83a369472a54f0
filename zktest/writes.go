package zktest

// write executes a request that changes something, all of it or nothing.
func (q *call) write(change func(x *txn) Code) Code {
	x := q.s.beginLocked(q.c.session.id, q.c.who)
	if q.in.broken {
		return CodeMarshalling
	}
	if code := change(x); code != CodeOK {
		x.rollback()
		return code
	}
	q.s.deliverLocked(x.commit())
	return CodeOK
}

// creation reads what a create request says.
func (in *input) creation(op Op) creation {
	c := creation{op: op, path: in.str(), data: in.data(), acl: in.acl(), flags: in.i32(), ttl: -1}
	if op == OpCreateTTL {
		c.ttl = in.i64()
	}
	return c
}

// inMulti returns what a creation is as a part of a multi, where servers go by the flags and not by the operation. What is left of a create2 is a create, which
// answers without a stat. They cannot read a TTL's flags without the TTL.
func (c creation) inMulti() (creation, bool) {
	switch modes[c.flags].kind {
	case ttl:
		return c, c.op == OpCreateTTL
	case container:
		c.op = OpCreateContainer
	default:
		c.op = OpCreate
	}
	c.ttl = -1
	return c, true
}

func (q *call) create(op Op) Code {
	wanted := q.in.creation(op)
	return q.write(func(x *txn) Code {
		path, n, code := x.create(wanted)
		if code != CodeOK {
			return code
		}
		q.out.str(path)
		if op != OpCreate {
			q.out.stat(n.stat())
		}
		return CodeOK
	})
}

func (q *call) remove() Code {
	path, version := q.in.str(), q.in.i32()
	return q.write(func(x *txn) Code { return x.remove(path, version) })
}

func (q *call) setData() Code {
	path, data, version := q.in.str(), q.in.data(), q.in.i32()
	return q.write(func(x *txn) Code {
		n, code := x.setData(path, data, version)
		if code == CodeOK {
			q.out.stat(n.stat())
		}
		return code
	})
}

func (q *call) setACL() Code {
	path, list, version := q.in.str(), q.in.acl(), q.in.i32()
	return q.write(func(x *txn) Code {
		n, code := x.setACL(path, list, version)
		if code == CodeOK {
			q.out.stat(n.stat())
		}
		return code
	})
}

func (q *call) check() Code {
	path, version := q.in.str(), q.in.i32()
	return q.write(func(x *txn) Code { return x.check(path, version) })
}

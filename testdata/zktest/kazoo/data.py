"""Transactions, access, and single nodes."""

from kazoo.exceptions import BadVersionError, NoAuthError, NoNodeError, RolledBackError, RuntimeInconsistency
from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, make_acl, make_digest_acl

from stage import connect, equal, recipe, refused


@recipe
def transaction(a, b, path):
    a.create(path, makepath=True)
    t = a.transaction()
    t.create(path + "/x", b"1")
    t.set_data(path + "/x", b"2")
    t.check(path + "/x", 1)
    t.create(path + "/s-", sequence=True)
    t.delete(path + "/x", 1)
    result = t.commit()
    equal([path + "/x", 1, True, path + "/s-0000000001", True], [getattr(r, "version", r) for r in result])
    equal(["s-0000000001"], b.get_children(path))
    t = b.transaction()
    t.create(path + "/y")
    t.check(path, 7)
    t.delete(path + "/s-0000000001")
    equal([RolledBackError, BadVersionError, RuntimeInconsistency], [type(r) for r in t.commit()])
    equal(["s-0000000001"], a.get_children(path))


@recipe
def acl(a, b, path):
    c, d, wrong = (connect(auth_data=[("digest", "user:" + p)]) for p in ("secret", "secret", "guess"))
    c.create(path, b"1", acl=CREATOR_ALL_ACL, makepath=True)
    equal(b"1", d.get(path)[0])
    for other in (b, wrong):
        refused(NoAuthError, other.get, path)
        refused(NoAuthError, other.set, path, b"2")
        refused(NoAuthError, other.create, path + "/x")
        refused(NoAuthError, other.set_acls, path, OPEN_ACL_UNSAFE)
        refused(NoAuthError, other.get_acls, path)
    owner = make_digest_acl("user", "secret", all=True)
    equal([owner], d.get_acls(path)[0])
    d.set_acls(path, [owner, make_acl("world", "anyone", read=True)])
    equal(b"1", b.get(path)[0])
    equal("user:x", b.get_acls(path)[0][0].id.id)
    refused(NoAuthError, b.set, path, b"2")
    wrong.add_auth("digest", "user:secret")
    wrong.set(path, b"2")
    for client in (c, d, wrong):
        client.stop()
        client.close()


@recipe
def znode(a, b, path):
    name, stat = a.create(path, b"1", makepath=True, include_data=True)
    equal((path, 0, 0), (name, stat.version, stat.cversion))
    a.create(path + "/n-", sequence=True)
    equal(path + "/n-0000000001", b.create(path + "/n-", sequence=True, ephemeral=True))
    names, stat = a.get_children(path, include_data=True)
    equal((2, 2), (len(names), stat.numChildren))
    equal(3, b.set(path, b"123").dataLength)
    refused(BadVersionError, a.set, path, b"4", version=0)
    equal(path, a.sync(path))
    a.delete(path, recursive=True)
    refused(NoNodeError, b.get, path)


@recipe
def command(a, b, path):
    equal("imok", a.command(b"ruok"))
    assert a.command(b"stat").startswith("Zookeeper version: 3.8.0")
    equal((3, 8, 0), b.server_version())

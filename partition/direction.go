package partition

import "fmt"

// A Direction says which half of a link's traffic a fault concerns. The zero Direction is [Both]. It is a value, safe to copy.
type Direction uint8

// The directions, as seen from the client: its requests go to the server, the answers come from the server.
const (
	Both Direction = iota
	ToServer
	FromServer
)

var directionNames = [...]string{Both: "both", ToServer: "to-server", FromServer: "from-server"}

// Directions returns all directions.
func Directions() []Direction { return []Direction{Both, ToServer, FromServer} }

// String returns "both", "to-server" or "from-server".
func (d Direction) String() string {
	if int(d) < len(directionNames) {
		return directionNames[d]
	}
	return fmt.Sprintf("Direction(%d)", uint8(d))
}

// ParseDirection reads what [Direction.String] writes. It returns an [*UnknownNameError], which lists the valid names, for anything else.
func ParseDirection(s string) (Direction, error) {
	for d, name := range directionNames {
		if s == name {
			return Direction(d), nil
		}
	}
	return Both, &UnknownNameError{What: "direction", Name: s, Valid: directionNames[:]}
}

// MarshalText returns [Direction.String].
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is [ParseDirection]; on failure it leaves d as it was.
func (d *Direction) UnmarshalText(b []byte) error {
	parsed, err := ParseDirection(string(b))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// modes returns what each of the two streams does when this direction is in mode m and the rest passes.
func (d Direction) modes(m mode) modes {
	switch d {
	case Both:
		return modes{m, m}
	case ToServer:
		return modes{toServer: m}
	case FromServer:
		return modes{fromServer: m}
	}
	return modes{}
}

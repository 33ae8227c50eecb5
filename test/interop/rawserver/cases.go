package rawserver

import (
	"fmt"
	"slices"
	"strings"
)

// End is what a server does with the connection after a response.
type End int

// The ends of a connection.
const (
	Keep  End = iota // leave it open and serve the next request
	Close            // close it in order
	Reset            // reset it
)

// Case is one way to answer a request, and what a client must make of it.
type Case struct {
	Name     string
	Parts    []string // written in one segment; with TLS, a record each
	Bytewise bool     // a segment for each byte instead
	Early    bool     // before the request's body is read
	Stale    bool     // also to every request but the first of a connection
	End      End

	Status int    // the status that counts; 0: none
	Error  string // the cause of failure; empty: success
	// NoReuse says that nothing may be sent over the connection afterwards.
	NoReuse bool
	// Unruly says that no connection to this server may be reused for a while.
	Unruly bool
}

// Response returns a response with a body.
func Response(status, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

// Causes that cases name.
const (
	invalid = "Invalid response"
	closed  = "Connection closed"
	reset   = "Connection reset"
)

const (
	fine   = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	forged = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nFORGED"
	chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	last   = "0\r\n\r\n"
)

// Cases returns all cases.
func Cases() []Case { return slices.Concat(surplus(), heads(), lengths(), chunked(), ends()) }

// surplus: more than one response. A correct response counts, and the connection is not used again.
func surplus() (cases []Case) {
	for name, s := range map[string][2]string{
		"a second response":               {fine, forged},
		"a line break":                    {fine, "\r\n"},
		"a line feed":                     {fine, "\n"},
		"a byte":                          {fine, "x"},
		"a NUL":                           {fine, "\x00"},
		"an interim response":             {fine, "HTTP/1.1 100 Continue\r\n\r\n"},
		"a failure":                       {fine, Response("503 Down", "down")},
		"a request":                       {fine, "GET / HTTP/1.1\r\n\r\n"},
		"more body than announced":        {fine, " and more"},
		"something after the last chunk":  {chunks + "2\r\nok\r\n" + last, forged},
		"something after the trailer":     {chunks + "2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", forged},
		"a response after HTTP/1.0":       {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", forged},
		"a response after the last one":   {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", forged},
		"a response after an empty one":   {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", forged},
		"a response after an interim one": {"HTTP/1.1 103 Early Hints\r\n\r\n" + fine, forged},
	} {
		cases = append(cases,
			Case{Name: name + " in the same record", Parts: []string{s[0] + s[1]}, Status: 200, NoReuse: true, Unruly: true},
			Case{Name: name + " in the next record", Parts: []string{s[0], s[1]}, Status: 200, NoReuse: true, Unruly: !strings.Contains(s[0], "close")})
	}
	return append(cases, bodiless()...)
}

// bodiless: statuses that allow no body, and one comes all the same.
func bodiless() (cases []Case) {
	for name, c := range map[string]Case{
		"204 with a chunked body": {Parts: []string{"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "2\r\nok\r\n0\r\n\r\n"}, Status: 204},
		"204 with a length":       {Parts: []string{"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", "ok"}, Status: 204},
		"204 with a body alone":   {Parts: []string{"HTTP/1.1 204 No Content\r\n\r\n", "ok"}, Status: 204},
		"304 with a length":       {Parts: []string{"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", "ok"}, Status: 304, Error: "HTTP 304 Not Modified"},
		"304 with a chunked body": {Parts: []string{"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "2\r\nok\r\n0\r\n\r\n"}, Status: 304, Error: "HTTP 304 Not Modified"},
		"101 and another protocol": {Parts: []string{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "hello"}, Status: 101,
			Error: "HTTP 101 Switching Protocols"},
		"101 and a response":            {Parts: []string{"HTTP/1.1 101 Switching Protocols\r\n\r\n", forged}, Status: 101, Error: "HTTP 101 Switching Protocols"},
		"101 alone":                     {Parts: []string{"HTTP/1.1 101 Switching Protocols\r\n\r\n"}, Status: 101, Error: "HTTP 101 Switching Protocols"},
		"204 with a length and no body": {Parts: []string{"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n"}, Status: 204},
	} {
		c.Name, c.NoReuse = name, true
		cases = append(cases, c)
	}
	return cases
}

// heads: status lines and headers.
func heads() (cases []Case) {
	for name, head := range map[string]string{
		"a lower-case protocol":          "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"a tab before the status":        "HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n",
		"a status of two digits":         "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
		"a status of four digits":        "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
		"a status in letters":            "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
		"a negative status":              "HTTP/1.1 -12 OK\r\nContent-Length: 0\r\n\r\n",
		"status 099":                     "HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n",
		"status 000":                     "HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n",
		"HTTP/2.0":                       "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/0.9":                       "HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
		"no version":                     "HTTP 200 OK\r\nContent-Length: 0\r\n\r\n",
		"another protocol":               "SSH-2.0-OpenSSH_9.2\r\n",
		"ICY":                            "ICY 200 OK\r\n\r\n",
		"an empty line first":            "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"a header without a colon":       "HTTP/1.1 200 OK\r\nContent-Length 0\r\n\r\n",
		"a header without a name":        "HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 0\r\n\r\n",
		"a folded first header":          "HTTP/1.1 200 OK\r\n Content-Length: 0\r\n\r\n",
		"a head that is too long":        "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n",
		"interim responses without end":  strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 3000),
		"an interim response that is no": "HTTP/1.1 100 Continue\r\n\r\nnonsense\r\n\r\n",
	} {
		cases = append(cases, Case{Name: name, Parts: []string{head}, End: Close, Error: invalid, NoReuse: true})
	}
	for name, head := range map[string]string{
		"two spaces before the status": "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
		"no reason phrase":             "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
		"line feeds alone":             "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"a folded header":              "HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 0\r\n\r\n",
		"interim responses":            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 199 What\r\n\r\n" + fine,
		"an unusual reason phrase":     "HTTP/1.1 200 \xc3\xa7a va\r\nContent-Length: 0\r\n\r\n",
	} {
		cases = append(cases, Case{Name: name, Parts: []string{head}, Status: 200})
	}
	return append(cases,
		Case{Name: "a space before the colon", Parts: []string{"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"}, End: Close, Status: 200, NoReuse: true},
		Case{Name: "a space in a name", Parts: []string{"HTTP/1.1 200 OK\r\nX Y: z\r\nContent-Length: 2\r\n\r\nok"}, Status: 200})
}

// lengths: Content-Length and Transfer-Encoding.
func lengths() (cases []Case) {
	for name, header := range map[string]string{
		"two lengths that differ":    "Content-Length: 2\r\nContent-Length: 3",
		"a negative length":          "Content-Length: -2",
		"a length with a sign":       "Content-Length: +2",
		"a hexadecimal length":       "Content-Length: 0x2",
		"a length that is too large": "Content-Length: 99999999999999999999",
		"a list of lengths":          "Content-Length: 2, 3",
		"an unknown coding":          "Transfer-Encoding: gzip",
		"two codings":                "Transfer-Encoding: gzip, chunked",
		"chunked twice":              "Transfer-Encoding: chunked, chunked",
		"two coding headers":         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
	} {
		cases = append(cases, Case{Name: name, Parts: []string{"HTTP/1.1 200 OK\r\n" + header + "\r\n\r\nok"}, End: Close, Error: invalid, NoReuse: true})
	}
	return append(cases,
		Case{Name: "a length twice", Parts: []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"}, Status: 200},
		Case{Name: "a length in spaces", Parts: []string{"HTTP/1.1 200 OK\r\nContent-Length:   2  \r\n\r\nok"}, Status: 200},
		Case{Name: "chunked and a length", Parts: []string{"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"}, Status: 200},
		Case{Name: "no length", Parts: []string{"HTTP/1.1 200 OK\r\n\r\nok"}, End: Close, Status: 200, NoReuse: true},
		Case{Name: "no length in HTTP/1.0", Parts: []string{"HTTP/1.0 200 OK\r\n\r\nok"}, End: Close, Status: 200, NoReuse: true},
		Case{Name: "HTTP/1.0", Parts: []string{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"}, Status: 200, NoReuse: true},
		Case{Name: "HTTP/1.0 that is kept", Parts: []string{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"}, Status: 200},
	)
}

// chunked: the chunked coding.
func chunked() (cases []Case) {
	for name, body := range map[string]string{
		"an extension":                 "2;ext=1\r\nok\r\n" + last,
		"a space before an extension":  "2 ; ext\r\nok\r\n" + last,
		"tabs around an extension":     "2\t;\text = x\r\nok\r\n" + last,
		"a quoted extension":           "2;ext=\"a;b\"\r\nok\r\n" + last,
		"a space after the size":       "2 \r\nok\r\n" + last,
		"a size in capitals":           "A\r\n0123456789\r\n" + last,
		"a size with zeros":            "0002\r\nok\r\n0000\r\n\r\n",
		"an extension of the last one": "2\r\nok\r\n0;ext\r\n\r\n",
		"a trailer":                    "2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
		"many chunks":                  strings.Repeat("1\r\nx\r\n", 500) + last,
	} {
		cases = append(cases, Case{Name: "a chunk: " + name, Parts: []string{chunks + body}, Status: 200})
	}
	for name, body := range map[string]string{
		"a negative size":             "-2\r\nok\r\n" + last,
		"a size with a prefix":        "0x2\r\nok\r\n" + last,
		"a space before the size":     " 2\r\nok\r\n" + last,
		"no size":                     "\r\nok\r\n" + last,
		"an extension without a size": ";ext\r\nok\r\n" + last,
		"a size in letters":           "zz\r\nok\r\n" + last,
		"a size that is too large":    "fffffffffffffffff\r\nok\r\n" + last,
		"less than announced":         "3\r\nok\r\n" + last,
		"more than announced":         "2\r\nokay\r\n" + last,
		"a line feed behind it":       "2\r\nok\n" + last,
		"a line feed after the size":  "2\nok\r\n" + last,
		"no line break behind it":     "2\r\nok0\r\n\r\n",
		"a size line that is endless": "2;" + strings.Repeat("x", 9<<10) + "\r\nok\r\n" + last,
		"a trailer that is endless":   "2\r\nok\r\n0\r\n" + strings.Repeat("X: y\r\n", 3000) + "\r\n",
		"a trailer that is none":      "2\r\nok\r\n0\r\nnonsense\r\n\r\n",
	} {
		cases = append(cases, Case{Name: "a chunk: " + name, Parts: []string{chunks + body}, End: Close, Status: 200, Error: invalid, NoReuse: true})
	}
	return cases
}

// ends: connections that end at the wrong time, and responses at one.
func ends() []Case {
	return []Case{
		{Name: "closed without a response", End: Close, Error: closed, NoReuse: true},
		{Name: "closed in the head", Parts: []string{"HTTP/1.1 200 OK\r\nContent-Le"}, End: Close, Error: closed, NoReuse: true},
		{Name: "closed in the body", Parts: []string{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"}, End: Close, Status: 200, Error: closed, NoReuse: true},
		{Name: "closed in a chunk", Parts: []string{chunks + "9\r\nhalf"}, End: Close, Status: 200, Error: closed, NoReuse: true},
		{Name: "closed between chunks", Parts: []string{chunks + "4\r\nhalf\r\n"}, End: Close, Status: 200, Error: closed, NoReuse: true},
		{Name: "closed before the end of the trailer", Parts: []string{chunks + "4\r\nhalf\r\n0\r\n"}, End: Close, Status: 200, Error: closed, NoReuse: true},
		{Name: "closed after an interim response", Parts: []string{"HTTP/1.1 100 Continue\r\n\r\n"}, End: Close, Error: closed, NoReuse: true},
		{Name: "closed after the response", Parts: []string{fine}, End: Close, Status: 200, NoReuse: true},
		{Name: "reset without a response", End: Reset, Error: reset, NoReuse: true},
		{Name: "byte by byte", Parts: []string{fine}, Bytewise: true, Status: 200},
		{Name: "chunks byte by byte", Parts: []string{chunks + "2 ;x\r\nok\r\n0\r\nX: y\r\n\r\n"}, Bytewise: true, Status: 200},
		{Name: "closed after the announced last response", Parts: []string{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"}, Status: 200, NoReuse: true},
		{Name: "before the request's body", Parts: []string{fine}, Early: true, Status: 200, NoReuse: true},
		{Name: "413 before the request's body", Parts: []string{Response("413 Too Large", "no")}, Early: true, Status: 413, Error: "HTTP 413 Request Entity Too Large", NoReuse: true},
		{Name: "a Keep-Alive that is over", Parts: []string{"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max=5\r\nContent-Length: 2\r\n\r\nok"}, Status: 200, NoReuse: true},
		{Name: "a Keep-Alive of 0", Parts: []string{"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok"}, Status: 200, NoReuse: true},
		{Name: "a Keep-Alive", Parts: []string{"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=50, max=5\r\nContent-Length: 2\r\n\r\nok"}, Status: 200},
	}
}

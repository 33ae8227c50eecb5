package carteiro

// ValidTraceParent says whether s is a trace context that can be passed on, as W3C Trace Context writes its version 0:
// "00-", 32 digits of a trace, "-", 16 of a span, "-", 2 of flags; hexadecimal, in lower case, neither id all zeros.
func ValidTraceParent(s string) bool {
	const length = 55
	if len(s) != length || s[:3] != "00-" || s[35] != '-' || s[52] != '-' {
		return false
	}
	return isHex(s[3:35]) && isHex(s[36:52]) && isHex(s[53:]) && !isZeros(s[3:35]) && !isZeros(s[36:52])
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isZeros(s string) bool {
	for i := range len(s) {
		if s[i] != '0' {
			return false
		}
	}
	return true
}

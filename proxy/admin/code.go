package admin

// The SQLSTATEs that only the console sends. (PostgreSQL manual, appendix A.)
const (
	codeSyntaxError        = "42601"
	codeUndefinedObject    = "42704"
	codeUndefinedStatement = "26000"
	codeUndefinedCursor    = "34000"
	codeDuplicateStatement = "42P05"
	codeDuplicateCursor    = "42P03"
)

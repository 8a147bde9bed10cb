package api

import (
	"net/http"
	"strconv"
	"strings"

	"postern/catalog"
)

// etag is the entity tag of a version of a tenant's configuration. It does not
// change with the tenant's state.
func etag(t *catalog.Tenant) string {
	return strconv.Quote(strconv.FormatInt(t.Version, 10))
}

// checkMatch compares the header If-Match with t's version. Without the header
// any version will do. (RFC 9110, 13.1.1: weak tags never match.)
func checkMatch(t *catalog.Tenant, ifMatch string) error {
	if ifMatch == "" {
		return nil
	}
	for tag := range strings.SplitSeq(ifMatch, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == etag(t) {
			return nil
		}
	}
	return problemf(http.StatusPreconditionFailed, "tenant %s is at version %d by now", t.ID, t.Version).
		hint("Read it again, then decide.")
}

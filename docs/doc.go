// Package docs holds no code: it is where the test of the documentation lives.
package docs

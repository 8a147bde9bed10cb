package catalog

// State is what a tenant is doing. The instance itself has the last word: the
// catalog's state is what the proxies agreed on, the driver's Status what is.
type State string

// The states of a tenant.
const (
	Provisioning State = "provisioning" // its instance is being made
	Asleep       State = "asleep"       // no process, only disk
	Waking       State = "waking"       // its instance is starting
	Awake        State = "awake"        // its instance answers queries
	Frozen       State = "frozen"       // its processes are stopped, memory kept
	Suspending   State = "suspending"   // its instance is being stopped
	Paused       State = "paused"       // refused to clients by an operator or a quota
	Failed       State = "failed"       // Tenant.Failure says why
	Deleting     State = "deleting"     // deleted, or being so
)

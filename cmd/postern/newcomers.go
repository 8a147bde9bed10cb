package main

import (
	"context"
	"errors"

	"postern/catalog"
	"postern/configs"
	"postern/proxy"
	"postern/wake/process"
)

// newcomers files tenants for clients that name one which does not exist.
type newcomers struct {
	store  catalog.Store
	driver string
	region string
}

// newcomers returns those of d; nil where no driver could make their instances.
func (d *daemon) newcomers(config configs.Config) (proxy.Newcomers, error) {
	if d.process != nil {
		return newcomers{d.store, "process", config.Router.Region}, nil
	}
	if config.Wake.ProvisionUnknown {
		return nil, &exitError{
			code: exitUsage,
			err:  errors.New("wake.provision_unknown = true, and there is no PostgreSQL on this machine to make tenants with"),
			hint: "Install PostgreSQL, or set it to false.",
		}
	}
	return nil, nil
}

// Create implements proxy.Newcomers: the tenant is what `postern tenant create`
// makes.
func (n newcomers) Create(ctx context.Context, id catalog.TenantID, verifier string) (*catalog.Tenant, error) {
	return n.store.Create(ctx, &catalog.Tenant{
		ID:     id,
		State:  catalog.Provisioning,
		Driver: n.driver,
		Region: n.region,
		Roles: map[string]catalog.Role{
			process.DefaultRole: {Name: process.DefaultRole, Verifier: verifier, CanLogin: true},
		},
		Databases: []string{process.DefaultDatabase},
	})
}

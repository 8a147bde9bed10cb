-- +goose Up
create table postern.tenants (
	id             text collate "C" primary key,
	uid            text        not null unique,
	version        bigint      not null,
	state          text        not null,
	generation     bigint      not null,
	owner          text        not null,
	deadline       timestamptz,
	failure        text        not null,
	driver         text        not null,
	region         text        not null,
	labels         jsonb       not null,
	settings       jsonb       not null,
	postgres       jsonb       not null,
	pg_version     integer     not null,
	pool_mode      text        not null,
	backend        jsonb       not null,
	databases      text[]      not null,
	created_at     timestamptz not null,
	updated_at     timestamptz not null,
	last_active_at timestamptz,
	deleted_at     timestamptz
);
comment on table postern.tenants is 'One row a tenant, deleted ones included until they are purged.';
comment on column postern.tenants.version is 'Counts changes of configuration: the ETag.';
comment on column postern.tenants.generation is 'Counts changes of state.';

create index tenants_state on postern.tenants (state, id);
create index tenants_labels on postern.tenants using gin (labels jsonb_path_ops);

create table postern.hostnames (
	hostname text collate "C" primary key,
	tenant   text collate "C" not null references postern.tenants on delete cascade,
	position integer not null
);
comment on table postern.hostnames is 'Custom host names in lower case; position keeps a tenant''s in order.';
create index hostnames_tenant on postern.hostnames (tenant);

create table postern.roles (
	tenant      text collate "C" not null references postern.tenants on delete cascade,
	name        text collate "C" not null,
	verifier    text        not null,
	can_login   boolean     not null,
	valid_until timestamptz,
	read_only   boolean     not null,
	primary key (tenant, name)
);
comment on table postern.roles is 'Copies of the tenants'' pg_authid. The verifiers are secrets.';

create table postern.greetings (
	tenant     text collate "C" not null references postern.tenants on delete cascade,
	key        bytea  not null,
	number     bigint not null generated always as identity,
	role       text   not null,
	database   text   not null,
	settings   jsonb  not null,
	parameters jsonb  not null,
	primary key (tenant, key)
);
comment on table postern.greetings is 'Logins that may be greeted while the tenant sleeps; key is the SHA-256 of role, database and settings, number their order.';

-- +goose Down
drop table postern.greetings, postern.roles, postern.hostnames, postern.tenants;

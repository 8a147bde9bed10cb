-- +goose Up
create table postern.operations (
	id         text collate "C" primary key,
	tenant     text collate "C" not null,
	kind       text        not null,
	state      text        not null,
	failure    text        not null,
	deadline   timestamptz not null,
	created_at timestamptz not null,
	updated_at timestamptz not null
);
comment on table postern.operations is 'Work on tenants that nobody waits for. It outlives its tenant.';
comment on column postern.operations.deadline is 'Past it, one that is not over was broken off.';

create index operations_updated_at on postern.operations (updated_at);

-- +goose Down
drop table postern.operations;

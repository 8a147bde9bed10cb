-- +goose Up
create table postern.proxies (
	number     integer primary key check (number between 0 and 4095),
	id         text        not null unique,
	boot       text        not null unique,
	address    text        not null,
	lease      interval    not null,
	since      timestamptz not null,
	expires_at timestamptz not null
);
comment on table postern.proxies is 'One row a proxy, alive until expires_at.';
comment on column postern.proxies.id is 'The same over restarts; boot changes with each.';
comment on column postern.proxies.since is 'Since when it has been alive without a break.';

create table postern.holds (
	tenant text collate "C" not null references postern.tenants on delete cascade,
	proxy  integer not null references postern.proxies on delete cascade,
	primary key (tenant, proxy)
);
comment on table postern.holds is 'Which proxies may have server connections to which tenants.';
create index holds_proxy on postern.holds (proxy);

-- +goose Down
drop table postern.holds, postern.proxies;

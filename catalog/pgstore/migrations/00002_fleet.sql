-- +goose Up
create table postern.fleet (
	one    boolean primary key default true check (one),
	secret bytea not null
);
comment on table postern.fleet is 'One row: the secret that the proxies of this catalog share.';

-- +goose Down
drop table postern.fleet;

-- +goose Up
alter table postern.tenants add column idle_timeout text not null default '';
comment on column postern.tenants.idle_timeout is 'A duration, 0 for never; empty for the proxy''s default.';

-- +goose Down
alter table postern.tenants drop column idle_timeout;

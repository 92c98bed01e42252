mod batch;
mod cidr;
mod create;
mod lookup;
mod renew;
mod revoke;
mod roles;
mod uses;

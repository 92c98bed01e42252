mod create;
mod lookup;
mod renew;
mod revoke;
mod uses;

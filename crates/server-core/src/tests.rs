mod caches;
mod calls;
mod chaos;
mod headers;
mod pipeline;
mod protected;
mod seal;
pub(crate) mod tables;

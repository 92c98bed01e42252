mod calls;
mod chaos;
mod pipeline;
mod protected;
mod seal;
mod tables;

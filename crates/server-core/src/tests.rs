mod calls;
mod chaos;
mod pipeline;
mod seal;
mod tables;

//! What all dialects share: how a request is read, who may send it, how an answer looks.

pub mod audit;
pub mod body;
pub mod closed;
pub mod credentials;
pub mod db_name;
pub mod email;
pub mod errors;
pub mod etag;
pub mod family;
mod form;
pub mod input;
pub mod money;
mod multipart;
pub mod openapi;
pub mod operation;
pub mod page;
pub mod panic;
pub mod params;
pub mod path;
pub mod reply;
pub mod request;
pub mod route_table;
pub mod shape;
pub mod time;
pub mod time_in;
pub mod twins;
pub mod zone;

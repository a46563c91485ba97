//! Where requests come in: sockets, time limits, TLS, and what every request passes on its way.
//!
//! The accept loop is our own. poem's waits for ever for a request's head, spins when the process
//! is out of file descriptors and has no cap on connections.
//!
//! The order of the wrappers, outermost first: [`request_id`], [`client_address`],
//! [`security_headers`], [`cors`], [`observe`], the router. Around each operation stand the renderer
//! of its errors and, inside of that, the catcher of panics, so that a panic looks like any other
//! error; the request id stands outside of everything, so that no answer is without one.

pub mod client_address;
pub mod cors;
pub mod host;
pub mod listener;
pub mod local_socket;
pub mod observe;
pub mod pages;
pub mod request_id;
pub mod router;
pub mod security_headers;
pub mod site;
pub mod tls;
pub mod trusted_proxies;

mod accept_trouble;
mod connection;
mod deadline;
mod linger;
mod pulse;
mod short_answer;

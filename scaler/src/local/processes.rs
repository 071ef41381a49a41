//! I/O: what the operating system tells of the children's processes: the sockets they own and the
//! CPU time they used. Linux only; elsewhere nothing is told, and every child counts as busy while
//! any worker is.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

/// What one look at a child's processes showed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traces {
    /// Local ends of its established TCP connections, if they can be read.
    pub connections: Option<Vec<SocketAddr>>,
    /// CPU time its processes have used, if it can be read.
    pub cpu: Option<Duration>,
}

/// Looks at the children with these process numbers: at each with all its descendants, and with
/// all members of its process group. Blocks for some milliseconds.
#[must_use]
pub fn look(children: &[u32]) -> HashMap<u32, Traces> {
    #[cfg(target_os = "linux")]
    return linux::look(children);
    #[cfg(not(target_os = "linux"))]
    return children.iter().map(|pid| (*pid, Traces::default())).collect();
}

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod tables;

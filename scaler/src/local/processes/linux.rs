//! I/O: reads `/proc`.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Traces;
use super::tables::{self, Stat};

/// Longer chains of parents are no worker's.
const DEEPEST: usize = 64;
const NANOS_A_SECOND: u64 = 1_000_000_000;

/// Sockets by inode, for one network namespace.
type Sockets = HashMap<u64, SocketAddr>;

pub(super) fn look(children: &[u32]) -> HashMap<u32, Traces> {
    let stats = all_stats();
    let mut members: HashMap<u32, Vec<(u32, Stat)>> =
        children.iter().map(|child| (*child, Vec::new())).collect();
    for (pid, stat) in &stats {
        if let Some(child) = owner(*pid, &stats, children)
            && let Some(members) = members.get_mut(&child)
        {
            members.push((*pid, *stat));
        }
    }
    let mut namespaces = HashMap::new();
    let traces = members.into_iter().map(|(child, members)| {
        let alive = members.iter().filter(|(_, stat)| !stat.zombie);
        let pids: Vec<u32> = alive.map(|(pid, _)| *pid).collect();
        let ticks = members.iter().map(|(_, stat)| stat.ticks).sum();
        let connections = connections(&pids, &mut namespaces).ok();
        (child, Traces { connections, cpu: (!pids.is_empty()).then(|| cpu_time(ticks)) })
    });
    traces.collect()
}

fn all_stats() -> HashMap<u32, Stat> {
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        // A process that ended meanwhile is no process.
        let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, tables::stat(&String::from_utf8_lossy(&text))?))
    });
    processes.collect()
}

/// The child that `pid` belongs to: by its group, or by the group of an ancestor.
fn owner(pid: u32, stats: &HashMap<u32, Stat>, children: &[u32]) -> Option<u32> {
    let mut pid = pid;
    for _ in 0..DEEPEST {
        let stat = stats.get(&pid)?;
        if let Some(child) = children.iter().find(|child| **child == stat.group || **child == pid) {
            return Some(*child);
        }
        pid = stat.parent;
    }
    None
}

fn cpu_time(ticks: u64) -> Duration {
    let a_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_nanos(ticks.saturating_mul(NANOS_A_SECOND / a_second))
}

/// The connections of all these processes. A process that we may not read is an error: a
/// connection we cannot see must not pass for none.
fn connections(
    pids: &[u32],
    namespaces: &mut HashMap<PathBuf, Sockets>,
) -> io::Result<Vec<SocketAddr>> {
    let mut found = BTreeSet::new();
    if pids.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    for pid in pids {
        match of_process(*pid, namespaces) {
            Ok(sockets) => found.extend(sockets),
            // It ended while we looked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found.into_iter().collect())
}

fn of_process(pid: u32, namespaces: &mut HashMap<PathBuf, Sockets>) -> io::Result<Vec<SocketAddr>> {
    let namespace = fs::read_link(format!("/proc/{pid}/ns/net"))?;
    let sockets = match namespaces.entry(namespace) {
        std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
        std::collections::hash_map::Entry::Vacant(new) => new.insert(sockets(pid)?),
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let link = match fs::read_link(entry?.path()) {
            Ok(link) => link,
            // It was closed while we looked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let inode = link.to_str().and_then(tables::socket_inode);
        found.extend(inode.and_then(|inode| sockets.get(&inode)));
    }
    Ok(found)
}

fn sockets(pid: u32) -> io::Result<Sockets> {
    let mut sockets: Sockets =
        tables::connections(&fs::read_to_string(format!("/proc/{pid}/net/tcp"))?).collect();
    // Absent where the kernel has no IPv6.
    if let Ok(six) = fs::read_to_string(format!("/proc/{pid}/net/tcp6")) {
        sockets.extend(tables::connections(&six));
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_socket_is_found_at_the_process_that_owns_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let here = std::process::id();
        let traces = look(&[here]).remove(&here).unwrap();
        let connections = traces.connections.unwrap();
        assert!(connections.contains(&client.local_addr().unwrap()), "{connections:?}");
        let listening = listener.local_addr().unwrap();
        assert_eq!(server.local_addr().unwrap(), listening);
        drop((client, server));
        let traces = look(&[here]).remove(&here).unwrap();
        assert!(!traces.connections.unwrap().contains(&listening));
    }

    #[test]
    fn a_process_that_is_not_there_tells_nothing() {
        assert_eq!(look(&[u32::MAX])[&u32::MAX], Traces::default());
    }

    #[test]
    fn a_descendant_in_a_group_of_its_own_still_belongs_to_the_child() {
        let stat = |parent, group| Stat { parent, group, ticks: 0, zombie: false };
        let stats = HashMap::from([
            (1, stat(0, 1)),
            (10, stat(1, 10)),
            (11, stat(10, 10)),
            (12, stat(11, 12)),
            (13, stat(1, 10)),
            (20, stat(1, 20)),
        ]);
        let owner = |pid| owner(pid, &stats, &[10, 30]);
        assert_eq!([owner(10), owner(11), owner(12), owner(13)], [Some(10); 4]);
        assert_eq!((owner(20), owner(1), owner(99)), (None, None, None));
    }
}

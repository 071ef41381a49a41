//! PURE: the texts of `/proc`, as far as we need them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The kernel's number for an established connection; one half closed takes no task any more.
const ESTABLISHED: &str = "01";
/// The kernel's letter for a process that ended and was not waited for: it owns nothing any more.
const ZOMBIE: &str = "Z";
/// Fields of `/proc/<pid>/stat` after the program's name, counted from the process state.
const STATE: usize = 0;
const PARENT: usize = 1;
const GROUP: usize = 2;
const TIMES: std::ops::Range<usize> = 11..15;

/// A line of `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) parent: u32,
    pub(super) group: u32,
    /// CPU ticks, user and system, of the process and its finished children.
    pub(super) ticks: u64,
    pub(super) zombie: bool,
}

/// Reads `/proc/<pid>/stat`. The name in it may hold spaces and parentheses.
pub(super) fn stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let times = fields.get(TIMES)?.iter().map(|field| field.parse::<u64>().ok());
    Some(Stat {
        parent: fields.get(PARENT)?.parse().ok()?,
        group: fields.get(GROUP)?.parse().ok()?,
        ticks: times.sum::<Option<u64>>()?,
        zombie: *fields.get(STATE)? == ZOMBIE,
    })
}

/// The established connections in `/proc/net/tcp` or `tcp6`: (inode, local end).
pub(super) fn connections(table: &str) -> impl Iterator<Item = (u64, SocketAddr)> + '_ {
    table.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let local = fields.nth(1)?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?.parse().ok()?;
        (state == ESTABLISHED).then_some(())?;
        Some((inode, address(local)?))
    })
}

/// The inode behind a link such as `socket:[4711]`.
pub(super) fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// `0100007F:1F90`: words of 32 bits in the machine's own byte order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let words: Vec<[u8; 4]> = (0..host.len() / 8)
        .map(|word| {
            let digits = host.get(word * 8..word * 8 + 8)?;
            u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
        })
        .collect::<Option<_>>()?;
    let ip = match words.as_slice() {
        [word] => IpAddr::V4(Ipv4Addr::from(*word)),
        words => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words.concat()).ok()?)),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let text = "42 (a) b (c)) S 7 41 41 0 -1 4194304 1 2 3 4 100 20 3 4 20 0 1 0 9 1 1";
        assert_eq!(stat(text), Some(Stat { parent: 7, group: 41, ticks: 127, zombie: false }));
        assert_eq!(stat("42 (a"), None);
        assert_eq!(stat("42 (a) S 7"), None);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn established_connections_are_read_and_others_are_not() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:BA86 0100007F:1628 01 00000000:00000000 02:00000E1B 00000000  1000        0 4711 2 0
   1: 00000000:1628 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0
   2: 0100007F:BA88 0100007F:1628 08 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0";
        let found: Vec<_> = connections(table).collect();
        assert_eq!(found, [(4711, "127.0.0.1:47750".parse().unwrap())]);
        let six = "0: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000001000000:1628 01 \
                   0:0 0:0 0 1000 0 9 1";
        let found: Vec<_> = connections(six).collect();
        assert_eq!(found, [(9, "[::ffff:127.0.0.1]:8080".parse().unwrap())]);
    }

    #[test]
    fn only_sockets_have_a_socket_inode() {
        assert_eq!(socket_inode("socket:[4711]"), Some(4711));
        assert_eq!(socket_inode("pipe:[4711]"), None);
        assert_eq!(socket_inode("/dev/null"), None);
    }
}

//! The bodies of tasks in the child's hands, in case they have to be published again: in memory up to a
//! limit, beyond it in temporary files that are gone with the process.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use bytes::Bytes;

/// What is kept of all tasks on one connection.
#[derive(Debug)]
pub(crate) struct Keeper {
    tasks: BTreeMap<u64, Kept>,
    room: usize,
}

#[derive(Debug, Default)]
struct Kept {
    parts: Vec<Part>,
    file: Option<File>,
}

#[derive(Debug, Clone)]
enum Part {
    Memory(Bytes),
    OnDisk { at: u64, length: usize },
}

impl Keeper {
    /// Keeps so many bytes in memory.
    pub(crate) fn new(room: usize) -> Self {
        Self { tasks: BTreeMap::new(), room }
    }

    /// Keeps the next part of a task's body.
    pub(crate) fn keep(&mut self, task: u64, part: Bytes) -> io::Result<()> {
        let kept = self.tasks.entry(task).or_default();
        if let Some(room) = self.room.checked_sub(part.len()) {
            self.room = room;
            kept.parts.push(Part::Memory(part));
            return Ok(());
        }
        let mut file = match kept.file.take() {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        let at = file.seek(SeekFrom::End(0))?;
        file.write_all(&part)?;
        kept.file = Some(file);
        kept.parts.push(Part::OnDisk { at, length: part.len() });
        Ok(())
    }

    /// How many parts of a task's body there are so far.
    pub(crate) fn parts(&self, task: u64) -> usize {
        self.tasks.get(&task).map_or(0, |kept| kept.parts.len())
    }

    /// One part of a task's body; `None` behind the last.
    pub(crate) fn part(&mut self, task: u64, index: usize) -> io::Result<Option<Bytes>> {
        let Some(kept) = self.tasks.get_mut(&task) else { return Ok(None) };
        match (kept.parts.get(index), &mut kept.file) {
            (None, _) => Ok(None),
            (Some(Part::Memory(part)), _) => Ok(Some(part.clone())),
            (Some(&Part::OnDisk { at, length }), Some(file)) => {
                let mut part = vec![0; length];
                file.seek(SeekFrom::Start(at))?;
                file.read_exact(&mut part)?;
                Ok(Some(part.into()))
            }
            (Some(Part::OnDisk { .. }), None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Lets a task go.
    pub(crate) fn forget(&mut self, task: u64) {
        let parts = self.tasks.remove(&task).unwrap_or_default().parts;
        let in_memory = parts.iter().map(|part| match part {
            Part::Memory(part) => part.len(),
            Part::OnDisk { .. } => 0,
        });
        self.room += in_memory.sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(keeper: &mut Keeper, task: u64) -> Vec<Bytes> {
        (0..).map_while(|index| keeper.part(task, index).unwrap()).collect()
    }

    #[test]
    fn what_is_kept_comes_back_whether_it_is_in_memory_or_not() {
        let mut keeper = Keeper::new(10);
        for part in [&b"12345678"[..], b"abc", b"d", b"efgh"] {
            keeper.keep(1, Bytes::copy_from_slice(part)).unwrap();
        }
        keeper.keep(2, Bytes::from_static(b"other")).unwrap();
        assert_eq!(parts(&mut keeper, 1), ["12345678", "abc", "d", "efgh"]);
        assert_eq!(parts(&mut keeper, 2), ["other"]);
        keeper.forget(1);
        assert_eq!(parts(&mut keeper, 1), Vec::<Bytes>::new());
        assert_eq!(keeper.room, 10);
    }
}

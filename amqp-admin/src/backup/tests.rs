//! Backups written, read, damaged and cut.

use proptest::prelude::*;

use super::*;
use crate::broker::Message;

fn opening() -> Opening {
    Opening {
        made_by: "zero 1.0".into(),
        made_at: "2026-01-02T03:04:05Z".into(),
        vhost: "/".into(),
        reason: "remove".into(),
    }
}

fn message(body: &[u8]) -> Message {
    Message { routing_key: "q".into(), body: body.to_vec(), ..Message::default() }
}

/// The bytes of a backup of these bodies.
fn written(bodies: &[Vec<u8>], closed: bool) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let mut writer = BackupWriter::create(&path, &opening()).unwrap();
    for body in bodies {
        writer.add(&QueueName::new("q").unwrap(), &message(body), true).unwrap();
    }
    if closed {
        writer.close().unwrap();
    } else {
        writer.sync().unwrap();
    }
    std::fs::read(&path).unwrap()
}

/// The bodies that can be read, and whether the file is whole.
fn read(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, bool), BackupError> {
    let mut reader = BackupReader::from_source(Path::new("backup"), bytes)?;
    let mut bodies = Vec::new();
    loop {
        match reader.next_message()? {
            Restorable::Message(backed) => bodies.push(backed.message.body),
            Restorable::End { whole } => return Ok((bodies, whole)),
        }
    }
}

#[test]
fn what_was_written_is_read_with_everything_that_belongs_to_it() {
    let bytes = written(&[b"one".to_vec(), Vec::new()], true);
    let mut reader = BackupReader::from_source(Path::new("backup"), bytes.as_slice()).unwrap();
    assert_eq!(reader.opening(), &opening());
    let Restorable::Message(first) = reader.next_message().unwrap() else { panic!("no message") };
    let expected =
        Backed { queue: QueueName::new("q").unwrap(), redelivered: true, message: message(b"one") };
    assert_eq!(*first, expected);
    assert_eq!(read(&bytes).unwrap(), (vec![b"one".to_vec(), Vec::new()], true));
    assert_eq!(reader.read(), Closing { messages: 1, bytes: 3 });
}

#[test]
fn a_file_without_its_closing_record_is_not_whole() {
    assert_eq!(read(&written(&[b"one".to_vec()], false)).unwrap(), (vec![b"one".to_vec()], false));
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    BackupWriter::create(&path, &opening()).unwrap();
    let error = BackupWriter::create(&path, &opening()).unwrap_err();
    assert!(matches!(error, BackupError::Io { act: "create", .. }), "{error}");
}

#[test]
fn damage_is_told_with_its_place_and_what_is_intact() {
    let bytes = written(&[b"one".to_vec(), b"two".to_vec()], true);
    let at = bytes.windows(3).position(|bytes| bytes == b"two").unwrap();
    let mut damaged = bytes.clone();
    damaged[at] ^= 1;
    let told = read(&damaged).unwrap_err().to_string();
    assert!(told.contains("checksum") && told.contains("1 message before it is intact"), "{told}");
    assert!(read(b"not a backup").unwrap_err().to_string().contains("at byte 0"));
}

#[test]
fn an_impossible_length_takes_no_memory() {
    let mut bytes = written(&[], false);
    bytes.extend([MESSAGE, 0, 0, 0, 2]);
    bytes.extend((BODY_LIMIT as u64).to_be_bytes());
    assert!(read(&bytes).unwrap_err().to_string().contains("cut short"));
    bytes.truncate(bytes.len() - 8);
    bytes.extend(u64::MAX.to_be_bytes());
    assert!(read(&bytes).unwrap_err().to_string().contains("impossible"));
}

proptest! {
    #[test]
    fn a_flipped_bit_anywhere_is_noticed(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut bytes = written(&[b"one".to_vec(), b"two".to_vec()], true);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn what_stands_before_a_cut_is_read_and_never_called_whole(at in any::<prop::sample::Index>()) {
        let bytes = written(&[b"one".to_vec(), b"two".to_vec()], true);
        let cut = &bytes[..at.index(bytes.len())];
        match read(cut) {
            Ok((bodies, whole)) => prop_assert!(!whole && bodies.len() <= 2),
            Err(BackupError::Damaged { .. }) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let _ = read(&[MAGIC.as_slice(), &bytes].concat());
    }
}

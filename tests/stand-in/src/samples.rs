//! Messages as the real `paladin-core` writes them, for the tests of tools that read messages.
//!
//! Tasks are made as a directive makes them, but with fixed keys; results come out of paladin's own
//! execution of the task. So the bytes are the same each time.

use std::{fs, ops::RangeInclusive, path::Path};

use anyhow::{Context, Result};
use paladin::{
    operation::{FatalError, FatalStrategy, Operation, OperationError},
    serializer::{Serializable, Serializer},
    task::{AnyTaskResult, Task},
};
use serde::{Deserialize, Serialize};

use crate::{
    values::to_hex,
    witness::{self, BlockProverInput},
};

/// Height of the block that all samples belong to.
pub const BLOCK: u64 = 20_362_226;

/// Both wire formats.
pub const SERIALIZERS: [Serializer; 2] = [Serializer::Postcard, Serializer::Cbor];

/// Metadata of a mapped task; paladin's own is private.
#[derive(Debug, Serialize, Deserialize)]
pub struct Indexed {
    /// Place of the task.
    pub idx: usize,
}

/// Metadata of a step of a fold; paladin's own is private.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ranged {
    /// Places that the step joins.
    pub range: RangeInclusive<usize>,
}

/// Samples of one generation, each with the name of its file.
#[derive(Debug, Default)]
pub struct Samples {
    /// Name and bytes.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Samples {
    /// A message as it is.
    pub fn add(
        &mut self,
        name: &str,
        serializer: Serializer,
        message: &impl Serialize,
    ) -> Result<()> {
        let bytes = serializer.to_bytes(message)?;
        self.files.push((format!("{name}-{serializer}.bin"), bytes.to_vec()));
        Ok(())
    }

    /// A task.
    pub fn add_task<Op: Operation, M: Serializable>(
        &mut self,
        name: &str,
        serializer: Serializer,
        task: &Task<'_, Op, M>,
    ) -> Result<()> {
        self.add(&format!("task-{name}"), serializer, &task.as_any_task(serializer)?)
    }

    /// What a worker answers to a task.
    pub async fn add_result<Op: Operation, M: Serializable>(
        &mut self,
        name: &str,
        serializer: Serializer,
        task: &Task<'_, Op, M>,
    ) -> Result<()> {
        let output = task.as_any_task(serializer)?.remote_execute().await?;
        self.add(&format!("result-{name}"), serializer, &AnyTaskResult::Ok(output))
    }

    /// What a worker answers to a task that fails with these words.
    pub fn add_failure(&mut self, name: &str, serializer: Serializer, words: &str) -> Result<()> {
        let error = FatalError::from_anyhow(anyhow::anyhow!("{words}"), FatalStrategy::Terminate);
        let result = AnyTaskResult::Err(OperationError::from(error).to_string());
        self.add(&format!("result-{name}"), serializer, &result)
    }

    /// Writes all files into a directory.
    pub fn write(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory)?;
        for (name, bytes) in &self.files {
            fs::write(directory.join(name), bytes).with_context(|| name.clone())?;
        }
        Ok(())
    }
}

/// The block of a witness file at another height, with hashes that a repository packs well.
pub fn block(text: &[u8]) -> Result<BlockProverInput> {
    let mut block = witness::parse(text)?.pop().context("the witness file is empty")?;
    let data = &mut block.other_data.b_data;
    data.b_meta.block_number = to_hex(BLOCK);
    data.b_hashes.prev_hashes.fill(format!("0x{:064x}", 0));
    Ok(block)
}

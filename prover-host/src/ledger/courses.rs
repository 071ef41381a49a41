//! What became of the tasks of attempts.

use rusqlite::{Connection, Row as Found, params};

use super::rows::text_of;
use super::{LedgerError, whole};
use crate::course::{Course, Row};

/// An attempt as it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// Which of the proof's.
    pub number: u32,
    /// When it began.
    pub started: i64,
    /// When it ended.
    pub ended: Option<i64>,
    /// How: a state's word, or why not well.
    pub outcome: Option<String>,
    /// What became of its tasks; unknown of attempts before there was such a record.
    pub course: Option<Course>,
}

/// Writes down what is known of an attempt by now, and the rows that have changed.
pub fn keep_course(
    connection: &mut Connection,
    (proof, attempt): (i64, u32),
    course: &Course,
    rows: &[Row],
) -> Result<(), LedgerError> {
    let change = connection.transaction()?;
    change.execute(
        "UPDATE attempts SET course = ?3 WHERE proof = ?1 AND number = ?2",
        params![proof, attempt, text_of(course)?],
    )?;
    {
        let mut statement = change.prepare_cached(
            "INSERT OR REPLACE INTO tasks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?;
        for row in rows {
            statement.execute(params![
                proof,
                attempt,
                row.number,
                row.operation,
                row.published.map(whole),
                row.answered.map(whole),
                row.failed,
                row.worker,
                row.attempt,
                row.took.map(whole),
                row.cpu.map(whole),
                row.memory_peak.map(whole),
                row.read.map(whole),
                row.written.map(whole),
            ])?;
        }
    }
    change.commit()?;
    Ok(())
}

/// The attempts of a proof, the first one first.
pub fn attempts(connection: &Connection, proof: i64) -> Result<Vec<Past>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, started, ended, outcome, course FROM attempts WHERE proof = ?1 ORDER BY number",
    )?;
    let rows = statement.query_map([proof], |row| {
        let course: Option<String> = row.get("course")?;
        let (number, started) = (row.get("number")?, row.get("started")?);
        let (ended, outcome) = (row.get("ended")?, row.get("outcome")?);
        Ok((Past { number, started, ended, outcome, course: None }, course))
    })?;
    let mut told = Vec::new();
    for row in rows {
        let (past, course) = row?;
        let course = course.map(|text| serde_json::from_str(&text)).transpose();
        let course = course.map_err(|error| LedgerError::Unreadable(error.to_string()))?;
        told.push(Past { course, ..past });
    }
    Ok(told)
}

/// The tasks of an attempt, as they were given out, at most so many.
pub fn tasks(
    connection: &Connection,
    (proof, attempt): (i64, u32),
    most: usize,
) -> Result<Vec<Row>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM tasks WHERE proof = ?1 AND attempt = ?2 ORDER BY number LIMIT ?3",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![proof, attempt, most], task_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn task_of(row: &Found<'_>) -> Result<Row, rusqlite::Error> {
    let number = |column| {
        Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(i64::unsigned_abs))
    };
    Ok(Row {
        number: row.get("number")?,
        operation: row.get("operation")?,
        published: number("published")?,
        answered: number("answered")?,
        failed: row.get("failed")?,
        worker: row.get("worker")?,
        attempt: row.get("try")?,
        took: number("took")?,
        cpu: number("cpu")?,
        memory_peak: number("memory_peak")?,
        read: number("read")?,
        written: number("written")?,
    })
}

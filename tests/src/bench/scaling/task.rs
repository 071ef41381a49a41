//! PURE: a task that a worker takes as its prover's own, with a number that its answer carries.

/// A simulation of one transaction, as paladin writes it.
const TASK: &[u8] = include_bytes!(
    "../../../../amqp-admin/src/paladin/fixtures/task-v0.7-SegmentProofTestOnly-postcard.bin"
);
/// The queue of its answer, which stands in it.
pub(crate) const ANSWERS: &str = "7Test";
/// Where its number stands: behind the queue's name and the number's length, each of them with a byte before it.
const PLACE: usize = 1 + ANSWERS.len() + 1;
/// The same in an answer: behind the byte that says that it is a good one, and the length.
const PLACE_IN_ANSWER: usize = 2;
/// The first number that takes two bytes, as the one in the task does.
const FIRST: usize = 0x80;
/// The numbers that take two bytes.
const MOST: usize = 0x4000 - FIRST;

/// The task of this number; `None`: there are no more of them.
pub(crate) fn task(number: usize) -> Option<Vec<u8>> {
    let number = Some(number).filter(|number| *number < MOST)? + FIRST;
    let mut task = TASK.to_vec();
    let low = u8::try_from(number & 0x7f).ok()? | 0x80;
    let high = u8::try_from(number >> 7).ok()?;
    task.get_mut(PLACE..PLACE + 2)?.copy_from_slice(&[low, high]);
    Some(task)
}

/// The number of the task that is answered; `None`: this is no good answer to one of ours.
pub(crate) fn answered(answer: &[u8]) -> Option<usize> {
    let (&[good, length], rest) = answer.split_first_chunk::<PLACE_IN_ANSWER>()?;
    let &[low, high] = rest.first_chunk::<2>()?;
    let number = usize::from(low & 0x7f) | usize::from(high) << 7;
    (good == 0 && length == 2 && low >= 0x80).then_some(number)?.checked_sub(FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = include_bytes!(
        "../../../../amqp-admin/src/paladin/fixtures/result-v0.7-SegmentProofTestOnly-postcard.bin"
    );

    #[test]
    fn a_task_is_the_provers_own_but_for_its_number() {
        assert_eq!(&TASK[1..6], ANSWERS.as_bytes());
        assert_eq!(task(200 - FIRST).unwrap(), TASK);
        let other = task(1_000).unwrap();
        let differ = TASK.iter().zip(&other).enumerate().filter(|(_, (one, other))| one != other);
        assert_eq!(differ.map(|(at, _)| at).collect::<Vec<_>>(), [PLACE, PLACE + 1]);
    }

    #[test]
    fn an_answer_tells_whose_it_is() {
        assert_eq!(answered(ANSWER), Some(200 - FIRST));
        for number in [0, 1, 127, 128, MOST - 1] {
            let task = task(number).unwrap();
            let answer = [&[0, 2], &task[PLACE..PLACE + 2], &[0, 0]].concat();
            assert_eq!(answered(&answer), Some(number));
        }
    }

    #[test]
    fn a_failure_is_no_answer_and_numbers_end() {
        assert_eq!(answered(&[1, 2, 200, 1]), None);
        assert_eq!(answered(&[0, 2]), None);
        assert_eq!(task(MOST), None);
    }
}

//! PURE: methods and content headers ↔ frames. How `amq-protocol` codes them stays here.

pub(crate) use amq_protocol::frame::AMQPContentHeader as ContentHeader;
use amq_protocol::frame::WriteContext;
use amq_protocol::frame::parsing::parse_content_header;
pub(crate) use amq_protocol::protocol::AMQPClass as Method;
use amq_protocol::protocol::basic::gen_properties;
use amq_protocol::protocol::{basic, channel, connection, exchange, gen_class, parse_class, queue};
use amq_protocol::types::ShortString;
use bytes::BufMut;

use crate::frame::{Frame, Kind};

/// Longest text that a short string holds.
const SHORT_STRING: usize = 255;

/// The method in a frame; `None` if it holds none that can be read to its last byte.
pub(crate) fn method(frame: &Frame) -> Option<Method> {
    if frame.kind() != Kind::Method {
        return None;
    }
    match parse_class(frame.payload()) {
        Ok(([], method)) => Some(method),
        Ok(_) | Err(_) => None,
    }
}

/// The content header in a frame; `None` if it holds none that can be read to its last byte.
pub(crate) fn content_header(frame: &Frame) -> Option<ContentHeader> {
    if frame.kind() != Kind::Header {
        return None;
    }
    match parse_content_header(frame.payload()) {
        Ok(([], header)) => Some(header),
        Ok(_) | Err(_) => None,
    }
}

/// Reads the arguments of one method: those of another, or of bytes that are none, are `None`.
macro_rules! arguments {
    ($($name:ident: $class:ident::$method:ident = $parse:ident;)*) => {
        $(
            pub(crate) fn $name(frame: &Frame) -> Option<$class::$method> {
                let arguments = frame.payload().get(METHOD_ID..)?;
                match $class::$parse(arguments) {
                    Ok(([], read)) => Some(read),
                    Ok(_) | Err(_) => None,
                }
            }
        )*
    };
}

/// Class and method, two bytes each.
const METHOD_ID: usize = 4;

arguments! {
    connection_close_of: connection::Close = parse_close;
    channel_close_of: channel::Close = parse_close;
    exchange_declare: exchange::Declare = parse_declare;
    queue_declare: queue::Declare = parse_declare;
    queue_declare_ok: queue::DeclareOk = parse_declare_ok;
    queue_bind: queue::Bind = parse_bind;
    queue_unbind: queue::Unbind = parse_unbind;
    queue_purge: queue::Purge = parse_purge;
    queue_delete: queue::Delete = parse_delete;
    qos: basic::Qos = parse_qos;
    exchange_delete: exchange::Delete = parse_delete;
    consume: basic::Consume = parse_consume;
    consume_ok: basic::ConsumeOk = parse_consume_ok;
    cancel: basic::Cancel = parse_cancel;
    cancel_ok: basic::CancelOk = parse_cancel_ok;
    publish: basic::Publish = parse_publish;
    deliver: basic::Deliver = parse_deliver;
    ack: basic::Ack = parse_ack;
    nack: basic::Nack = parse_nack;
    reject: basic::Reject = parse_reject;
    get: basic::Get = parse_get;
    get_ok: basic::GetOk = parse_get_ok;
}

/// A frame with a method.
pub(crate) fn method_frame(channel: u16, method: &Method) -> Option<Frame> {
    let context = WriteContext::from(Vec::new());
    let (payload, _) = gen_class(method)(context).ok()?.into_inner();
    Frame::new(Kind::Method, channel, &payload)
}

/// A frame with a content header.
pub(crate) fn header_frame(channel: u16, header: &ContentHeader) -> Option<Frame> {
    let mut start = Vec::with_capacity(256);
    start.put_u16(header.class_id);
    start.put_u16(0);
    start.put_u64(header.body_size);
    let properties = gen_properties(&header.properties);
    let (payload, _) = cookie_factory::r#gen(properties, start).ok()?;
    Frame::new(Kind::Header, channel, &payload)
}

/// A text that fits a short string: cut where it does not.
pub(crate) fn short(text: &str) -> ShortString {
    let end = (0..=text.len().min(SHORT_STRING)).rev().find(|&end| text.is_char_boundary(end));
    ShortString::try_new(text.get(..end.unwrap_or_default()).unwrap_or_default())
        .unwrap_or_default()
}

/// Ends a connection with a reason.
pub(crate) fn connection_close(code: u16, text: &str) -> Method {
    let (reply_text, class_id, method_id) = (short(text), 0, 0);
    let close = connection::Close { reply_code: code, reply_text, class_id, method_id };
    Method::Connection(connection::AMQPMethod::Close(close))
}

/// A method of class `basic`.
pub(crate) fn basic(channel: u16, method: basic::AMQPMethod) -> Option<Frame> {
    method_frame(channel, &Method::Basic(method))
}

/// A method of class `queue`.
pub(crate) fn queue(channel: u16, method: queue::AMQPMethod) -> Option<Frame> {
    method_frame(channel, &Method::Queue(method))
}

/// A declaration of an exchange.
pub(crate) fn exchange_declare_frame(channel: u16, declare: exchange::Declare) -> Option<Frame> {
    method_frame(channel, &Method::Exchange(exchange::AMQPMethod::Declare(declare)))
}

/// The same end of a channel in other words.
pub(crate) fn channel_close_frame(
    channel: u16,
    close: &channel::Close,
    text: &str,
) -> Option<Frame> {
    let close = channel::Close { reply_text: short(text), ..close.clone() };
    method_frame(channel, &Method::Channel(channel::AMQPMethod::Close(close)))
}

/// The broker ends a connection that has done nothing wrong: it restarts, or an operator says so.
pub(crate) fn is_forced_close(frame: &Frame) -> Option<connection::Close> {
    connection_close_of(frame).filter(|it| frame.method() == Some((10, 50)) && it.reply_code == 320)
}

/// Agrees to the end of a connection.
pub(crate) fn connection_close_ok() -> Option<Frame> {
    let ok = connection::AMQPMethod::CloseOk(connection::CloseOk {});
    method_frame(0, &Method::Connection(ok))
}

/// Acknowledges a delivery.
pub(crate) fn ack_of(channel: u16, delivery_tag: u64) -> Option<Frame> {
    basic(channel, basic::AMQPMethod::Ack(basic::Ack { delivery_tag, multiple: false }))
}

/// An acknowledgement or its contrary with another tag; 0 stands for all, and stays. `None`: there is
/// no such tag any more.
pub(crate) fn with_tag(frame: &Frame, tag: impl Fn(u64) -> Option<u64>) -> Option<Frame> {
    let other = |old: u64| if old == 0 { Some(0) } else { tag(old) };
    let method = match frame.method()? {
        (60, 80) => {
            let ack = ack(frame)?;
            basic::AMQPMethod::Ack(basic::Ack { delivery_tag: other(ack.delivery_tag)?, ..ack })
        }
        (60, 90) => {
            let reject = reject(frame)?;
            let delivery_tag = other(reject.delivery_tag)?;
            basic::AMQPMethod::Reject(basic::Reject { delivery_tag, ..reject })
        }
        _ => {
            let nack = nack(frame)?;
            basic::AMQPMethod::Nack(basic::Nack { delivery_tag: other(nack.delivery_tag)?, ..nack })
        }
    };
    basic(frame.channel(), method)
}

/// Whether the broker answers to a method of the child.
pub(crate) fn wants_answer(frame: &Frame) -> bool {
    match frame.method() {
        Some((20, 10 | 40) | (50, 50) | (60, 10 | 70 | 110) | (85, 10) | (90, 10 | 20 | 30)) => {
            true
        }
        Some((40, 10)) => exchange_declare(frame).is_some_and(|call| !call.nowait),
        Some((40, 20)) => exchange_delete(frame).is_some_and(|call| !call.nowait),
        Some((50, 10)) => queue_declare(frame).is_some_and(|call| !call.nowait),
        Some((50, 20)) => queue_bind(frame).is_some_and(|call| !call.nowait),
        Some((50, 30)) => queue_purge(frame).is_some_and(|call| !call.nowait),
        Some((50, 40)) => queue_delete(frame).is_some_and(|call| !call.nowait),
        Some((60, 20)) => consume(frame).is_some_and(|call| !call.nowait),
        Some((60, 30)) => cancel(frame).is_some_and(|call| !call.nowait),
        _ => false,
    }
}

/// The answer to a single get of an empty queue.
const GET_EMPTY: (u16, u16) = (60, 72);

/// Whether a method of the broker answers one of the child.
pub(crate) fn is_answer(frame: &Frame) -> bool {
    let answers = [
        (20, 11),
        (20, 41),
        (40, 11),
        (40, 21),
        (50, 11),
        (50, 21),
        (50, 31),
        (50, 41),
        (50, 51),
        (60, 11),
        (60, 21),
        (60, 31),
        (60, 71),
        GET_EMPTY,
        (60, 111),
        (85, 11),
        (90, 11),
        (90, 21),
        (90, 31),
    ];
    frame.method().is_some_and(|method| answers.contains(&method))
}

/// Whether this answer is one to this question: the number of an answer is that of its question and one.
pub(crate) fn answers(answer: &Frame, question: &Frame) -> bool {
    let Some((class, method)) = question.method() else { return false };
    let usual = answer.method() == Some((class, method + 1));
    usual || (answer.method() == Some(GET_EMPTY) && (class, method) == (60, 70))
}

/// The length of the body that a header frame announces.
pub(crate) fn body_size(frame: &Frame) -> Option<u64> {
    let size = frame.payload().get(4..12)?.try_into().ok()?;
    (frame.kind() == Kind::Header).then(|| u64::from_be_bytes(size))
}

/// Whether a message's frames are all there: its method, its header and all of its body.
pub(crate) fn is_whole(frames: &[Frame]) -> bool {
    let [_, header, body @ ..] = frames else { return false };
    let bytes: usize = body.iter().map(|frame| frame.payload().len()).sum();
    body_size(header) == u64::try_from(bytes).ok()
}

/// Gives a delivery back to its queue.
pub(crate) fn give_back(channel: u16, delivery_tag: u64) -> Option<Frame> {
    let nack = basic::Nack { delivery_tag, multiple: false, requeue: true };
    basic(channel, basic::AMQPMethod::Nack(nack))
}

/// Refuses a delivery, which its queue does not get back.
pub(crate) fn throw_away(channel: u16, delivery_tag: u64) -> Option<Frame> {
    let nack = basic::Nack { delivery_tag, multiple: false, requeue: false };
    basic(channel, basic::AMQPMethod::Nack(nack))
}

/// The tag of a message that was asked for one by one, if it wants an acknowledgement.
pub(crate) fn got(answer: &Frame, question: Option<&Frame>) -> Option<u64> {
    let got = get_ok(answer).filter(|_| answer.method() == Some((60, 71)))?;
    let asked = question.filter(|question| question.method() == Some((60, 70))).and_then(get)?;
    (!asked.no_ack).then_some(got.delivery_tag)
}

/// Ends a channel in good order.
pub(crate) fn channel_close() -> Method {
    let (reply_text, class_id, method_id) = (short("drained"), 0, 0);
    let close = channel::Close { reply_code: 200, reply_text, class_id, method_id };
    Method::Channel(channel::AMQPMethod::Close(close))
}

#[cfg(test)]
mod tests {
    use amq_protocol::protocol::BasicProperties;

    use super::*;

    #[test]
    fn a_method_and_a_header_are_read_as_they_were_written() {
        let close = connection_close(320, &"é".repeat(200));
        let frame = method_frame(0, &close).unwrap();
        assert_eq!(method(&frame), Some(close));
        let properties = BasicProperties::default().with_delivery_mode(2);
        let header = ContentHeader { class_id: 60, body_size: 1 << 40, properties };
        let frame = header_frame(7, &header).unwrap();
        assert_eq!(content_header(&frame), Some(header));
        assert_eq!(method(&frame), None);
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        assert_eq!(short(&"é".repeat(200)).as_str().len(), 254);
        assert_eq!(short("all").as_str(), "all");
    }
}

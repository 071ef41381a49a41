"""What a client in another language usually does, on the broker that AMQP_URI names.

Prints one line for each operation. Directly at a broker and through a gateway the lines are the same.
"""

import hashlib
import os

import pika

QUEUE, EXCHANGE = "usual", "usual-exchange"
SIZES = [0, 1, 131_064, 131_065, 1_000_000]


def body(size):
    return bytes(at % 251 for at in range(size))


def digest(data):
    return f"{len(data)} bytes {hashlib.sha256(data).hexdigest()[:16]}"


def main():
    parameters = pika.URLParameters(os.environ["AMQP_URI"])
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_qos(prefetch_count=10)
    channel.exchange_declare(EXCHANGE, exchange_type="topic", auto_delete=True)
    declared = channel.queue_declare(QUEUE, arguments={"x-max-length": 100})
    print("declare", declared.method.queue, declared.method.message_count)
    channel.queue_bind(QUEUE, EXCHANGE, routing_key="a.*")
    print("bind")

    properties = pika.BasicProperties(
        delivery_mode=2,
        content_type="application/octet-stream",
        headers={"text": "as it is", "number": 7, "nested": {"list": [1, True, None]}},
        priority=3,
        correlation_id="c",
    )
    for size in SIZES:
        channel.basic_publish(EXCHANGE, "a.b", body(size), properties, mandatory=True)
        print("publish", size)
    try:
        channel.basic_publish(EXCHANGE, "nowhere", b"x", properties, mandatory=True)
    except pika.exceptions.UnroutableError as error:
        print("returned", [message.method.reply_text for message in error.messages])

    method, got, data = channel.basic_get(QUEUE)
    print("get", method.redelivered, digest(data), got.headers, got.priority, got.correlation_id)
    channel.basic_nack(method.delivery_tag, requeue=True)
    seen = 0
    for method, got, data in channel.consume(QUEUE, inactivity_timeout=10):
        print("deliver", method.redelivered, digest(data), got.headers == properties.headers)
        seen += 1
        if seen == 2:
            channel.basic_reject(method.delivery_tag, requeue=False)
        else:
            channel.basic_ack(method.delivery_tag, multiple=seen == len(SIZES))
        if seen == len(SIZES):
            break
    print("cancel", channel.cancel())
    channel.basic_publish("", QUEUE, b"left")
    print("purge", channel.queue_purge(QUEUE).method.message_count)

    other = connection.channel()
    try:
        other.queue_declare("not-there", passive=True)
    except pika.exceptions.ChannelClosedByBroker as error:
        print("refused", error.reply_code, error.reply_text)
    print("delete", channel.queue_delete(QUEUE).method.message_count)
    connection.close()
    print("closed", connection.is_closed)


if __name__ == "__main__":
    main()

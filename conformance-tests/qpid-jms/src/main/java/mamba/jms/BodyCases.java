package mamba.jms;

import jakarta.jms.BytesMessage;
import jakarta.jms.Connection;
import jakarta.jms.DeliveryMode;
import jakarta.jms.JMSConsumer;
import jakarta.jms.JMSContext;
import jakarta.jms.JMSException;
import jakarta.jms.MapMessage;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.ObjectMessage;
import jakarta.jms.Queue;
import jakarta.jms.Session;
import jakarta.jms.StreamMessage;
import jakarta.jms.TextMessage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** The kinds of messages, and what they carry beside their bodies. */
final class BodyCases {

    private static final int LARGE = 5_000_000;

    private BodyCases() {
    }

    static List<Case> all() {
        return List.of(
                new Case("body.every-kind-of-message", BodyCases::everyKindOfMessage),
                new Case("body.headers-and-properties", BodyCases::headersAndProperties),
                new Case("body.five-megabytes", BodyCases::fiveMegabytes),
                new Case("body.the-simplified-interface", BodyCases::simplifiedInterface));
    }

    private static void everyKindOfMessage(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("kinds"));
            MessageConsumer consumer = session.createConsumer(queue);
            sendEveryKind(session, session.createProducer(queue));

            Expect.nextText(consumer, "hällo");

            BytesMessage bytes = (BytesMessage) Expect.next(consumer, "a message of bytes");
            byte[] read = new byte[(int) bytes.getBodyLength()];
            bytes.readBytes(read);
            Expect.equal("bytes", new byte[] {1, 2, 3}, read);

            MapMessage map = (MapMessage) Expect.next(consumer, "a map");
            Expect.equal("string in the map", "value", map.getString("key"));
            Expect.equal("long in the map", 5L, map.getLong("long"));

            StreamMessage stream = (StreamMessage) Expect.next(consumer, "a stream");
            Expect.equal("string in the stream", "first", stream.readString());
            Expect.equal("int in the stream", 3, stream.readInt());

            Message empty = Expect.next(consumer, "a message without a body");
            Expect.that("a message without a body", !(empty instanceof TextMessage) && !(empty instanceof BytesMessage), empty);

            ObjectMessage object = (ObjectMessage) Expect.next(consumer, "an object");
            Expect.equal("object", List.of("x", 1), object.getObject());
            Expect.nothingMore(consumer);
        }
    }

    private static void sendEveryKind(Session session, MessageProducer producer) throws JMSException {
        producer.send(session.createTextMessage("hällo"));

        BytesMessage bytes = session.createBytesMessage();
        bytes.writeBytes(new byte[] {1, 2, 3});
        producer.send(bytes);

        MapMessage map = session.createMapMessage();
        map.setString("key", "value");
        map.setLong("long", 5);
        producer.send(map);

        StreamMessage stream = session.createStreamMessage();
        stream.writeString("first");
        stream.writeInt(3);
        producer.send(stream);

        producer.send(session.createMessage());
        producer.send(session.createObjectMessage(new ArrayList<>(List.of("x", 1))));
    }

    private static void headersAndProperties(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("properties"));
            TextMessage sent = session.createTextMessage("x");
            sent.setBooleanProperty("boolean", true);
            sent.setByteProperty("byte", (byte) 3);
            sent.setShortProperty("short", (short) 4);
            sent.setIntProperty("int", 7);
            sent.setLongProperty("long", 5L);
            sent.setFloatProperty("float", 2.5f);
            sent.setDoubleProperty("double", 1.5);
            sent.setStringProperty("string", "text");
            sent.setJMSCorrelationID("correlation");
            sent.setJMSType("type");
            session.createProducer(queue).send(sent);

            Message received = Expect.nextText(session.createConsumer(queue), "x", 1);
            for (String name : List.of("boolean", "byte", "short", "int", "long", "float", "double", "string")) {
                Expect.equal("property " + name, sent.getObjectProperty(name), received.getObjectProperty(name));
            }
            Expect.equal("JMSMessageID", sent.getJMSMessageID(), received.getJMSMessageID());
            Expect.equal("JMSCorrelationID", "correlation", received.getJMSCorrelationID());
            Expect.equal("JMSType", "type", received.getJMSType());
            Expect.equal("JMSTimestamp", sent.getJMSTimestamp(), received.getJMSTimestamp());
            Expect.equal("JMSDestination", queue, received.getJMSDestination());
            Expect.equal("JMSDeliveryMode", DeliveryMode.PERSISTENT, received.getJMSDeliveryMode());
            Expect.equal("JMSPriority", Message.DEFAULT_PRIORITY, received.getJMSPriority());
            Expect.equal("JMSExpiration", 0L, received.getJMSExpiration());
        }
    }

    private static void fiveMegabytes(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("large"));
            byte[] sent = new byte[LARGE];
            new Random(1).nextBytes(sent);
            BytesMessage message = session.createBytesMessage();
            message.writeBytes(sent);
            session.createProducer(queue).send(message);

            BytesMessage received = (BytesMessage) Expect.next(session.createConsumer(queue), "a message of five megabytes");
            Expect.equal("length of the body", (long) LARGE, received.getBodyLength());
            byte[] back = new byte[LARGE];
            received.readBytes(back);
            Expect.that("the bytes that were sent", Arrays.equals(sent, back), "others");
        }
    }

    private static void simplifiedInterface(Broker broker) throws Exception {
        try (JMSContext context = broker.factory().createContext(JMSContext.SESSION_TRANSACTED)) {
            Queue queue = context.createQueue(Broker.fresh("context"));
            context.createProducer().setProperty("key", "value").setPriority(7).send(queue, "hello");
            context.commit();

            JMSConsumer consumer = context.createConsumer(queue);
            Message received = consumer.receive(Expect.PATIENCE);
            Expect.that("the message that was committed", received != null, "nothing");
            Expect.equal("body", "hello", received.getBody(String.class));
            Expect.equal("property", "value", received.getStringProperty("key"));
            Expect.equal("JMSPriority", 7, received.getJMSPriority());
            context.commit();
        }
    }
}

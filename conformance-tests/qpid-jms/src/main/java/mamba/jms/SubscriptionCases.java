package mamba.jms;

import jakarta.jms.Connection;
import jakarta.jms.InvalidClientIDException;
import jakarta.jms.InvalidDestinationException;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Session;
import jakarta.jms.Topic;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Topics, and the subscriptions to them. */
final class SubscriptionCases {

    private static final int SHARED_MESSAGES = 20;

    private SubscriptionCases() {
    }

    static List<Case> all() {
        return List.of(
                new Case("subscription.durable-until-unsubscribed", SubscriptionCases::durable),
                new Case("subscription.another-selector-makes-it-new", SubscriptionCases::anotherSelector),
                new Case("subscription.no-local", SubscriptionCases::noLocal),
                new Case("subscription.shared", SubscriptionCases::shared),
                new Case("subscription.shared-durable-without-a-client-id", SubscriptionCases::sharedDurable),
                new Case("subscription.a-client-id-is-for-one", SubscriptionCases::clientIdInUse));
    }

    private static void durable(Broker broker) throws Exception {
        String clientId = Broker.fresh("client");
        String topic = Broker.fresh("topic");
        try (Connection connection = broker.connectAs(clientId)) {
            Session session = connection.createSession();
            session.createDurableConsumer(session.createTopic(topic), "sub");
        }
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Sending.texts(session, session.createTopic(topic), "sent while the subscriber was away");
        }
        try (Connection connection = broker.connectAs(clientId)) {
            Session session = connection.createSession();
            MessageConsumer subscriber = session.createDurableSubscriber(session.createTopic(topic), "sub");
            Expect.nextText(subscriber, "sent while the subscriber was away", 1);
            Expect.thrown(JMSException.class, "unsubscribe while in use", () -> session.unsubscribe("sub"));
            subscriber.close();
            session.unsubscribe("sub");
            Expect.thrown(InvalidDestinationException.class, "a second unsubscribe", () -> session.unsubscribe("sub"));
        }
    }

    private static void anotherSelector(Broker broker) throws Exception {
        try (Connection connection = broker.connectAs(Broker.fresh("client"))) {
            Session session = connection.createSession();
            Topic topic = session.createTopic(Broker.fresh("topic"));
            session.createDurableConsumer(topic, "sub", "n = 1", false).close();
            MessageProducer producer = session.createProducer(topic);
            producer.send(Sending.numbered(session, 1));
            MessageConsumer subscriber = session.createDurableConsumer(topic, "sub", "n = 2", false);
            producer.send(Sending.numbered(session, 2));
            Expect.nextText(subscriber, "m2");
            Expect.nothingMore(subscriber);
            subscriber.close();
            session.unsubscribe("sub");
        }
    }

    private static void noLocal(Broker broker) throws Exception {
        try (Connection own = broker.connect(); Connection other = broker.connect()) {
            Session session = own.createSession();
            Session otherSession = other.createSession();
            Topic topic = session.createTopic(Broker.fresh("topic"));
            MessageConsumer consumer = session.createConsumer(topic, null, true);
            Sending.texts(session, topic, "own");
            Sending.texts(otherSession, topic, "of another");
            Expect.nextText(consumer, "of another");
            Expect.nothingMore(consumer);
        }
    }

    private static void shared(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Topic topic = session.createTopic(Broker.fresh("topic"));
            MessageConsumer first = session.createSharedConsumer(topic, "shared");
            MessageConsumer second = connection.createSession().createSharedConsumer(topic, "shared");
            Sending.numbered(connection.createSession(), topic, SHARED_MESSAGES);

            Set<String> received = new TreeSet<>();
            int count = 0;
            long deadline = System.nanoTime() + Expect.PATIENCE * 1_000_000;
            while (count < SHARED_MESSAGES && System.nanoTime() < deadline) {
                for (MessageConsumer consumer : Arrays.asList(first, second)) {
                    Message message = consumer.receive(50);
                    if (message != null) {
                        received.add(Expect.text(message));
                        count++;
                    }
                }
            }
            Expect.equal("messages that both received", SHARED_MESSAGES, count);
            Expect.equal("different ones", SHARED_MESSAGES, received.size());
            Expect.nothingMore(first);
            Expect.nothingMore(second);
        }
    }

    private static void sharedDurable(Broker broker) throws Exception {
        String topic = Broker.fresh("topic");
        String name = Broker.fresh("subscription");
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            session.createSharedDurableConsumer(session.createTopic(topic), name);
            session.createSharedDurableConsumer(session.createTopic(topic), name);
        }
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Sending.texts(session, session.createTopic(topic), "sent while all were away");
            MessageConsumer subscriber = session.createSharedDurableConsumer(session.createTopic(topic), name);
            Expect.nextText(subscriber, "sent while all were away", 1);
            Expect.nothingMore(subscriber);
            subscriber.close();
            session.unsubscribe(name);
            Expect.thrown(InvalidDestinationException.class, "a second unsubscribe", () -> session.unsubscribe(name));
        }
    }

    private static void clientIdInUse(Broker broker) throws Exception {
        String clientId = Broker.fresh("client");
        try (Connection first = broker.connectAs(clientId)) {
            Expect.thrown(InvalidClientIDException.class, "a second connection", () -> broker.connectAs(clientId).close());
            Expect.equal("client id of the first", clientId, first.getClientID());
        }
        broker.connectAs(clientId).close();
    }
}

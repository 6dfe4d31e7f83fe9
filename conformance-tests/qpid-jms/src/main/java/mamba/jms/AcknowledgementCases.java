package mamba.jms;

import jakarta.jms.Connection;
import jakarta.jms.MessageConsumer;
import jakarta.jms.Queue;
import jakarta.jms.Session;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/** When a message is the consumer's for good, and how it comes again where it is not. */
final class AcknowledgementCases {

    /** The client's own mode, in which each message is acknowledged by itself. */
    private static final int INDIVIDUAL_ACKNOWLEDGE = 101;

    private AcknowledgementCases() {
    }

    static List<Case> all() {
        return List.of(
                new Case("acknowledgement.recover-brings-back-what-is-not-acknowledged", AcknowledgementCases::recover),
                new Case("acknowledgement.individual", AcknowledgementCases::individual),
                new Case("acknowledgement.a-listener-that-throws-hears-it-again", AcknowledgementCases::listenerThatThrows),
                new Case("acknowledgement.what-was-prefetched-stays-in-order-uncounted", AcknowledgementCases::prefetched));
    }

    private static void recover(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession(Session.CLIENT_ACKNOWLEDGE);
            Queue queue = session.createQueue(Broker.fresh("recover"));
            Sending.numbered(session, queue, 4);
            MessageConsumer consumer = session.createConsumer(queue);
            Expect.nextText(consumer, "m0", 1);
            Expect.nextText(consumer, "m1", 1);
            session.recover();

            Expect.nextText(consumer, "m0", 2);
            Expect.nextText(consumer, "m1", 2);
            Expect.nextText(consumer, "m2", 1).acknowledge();
            Expect.nextText(consumer, "m3", 1).acknowledge();
            session.recover();
            Expect.nothingMore(consumer);
        }
    }

    private static void individual(Broker broker) throws Exception {
        String queue = Broker.fresh("individual");
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession(INDIVIDUAL_ACKNOWLEDGE);
            Sending.numbered(session, session.createQueue(queue), 3);
            MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
            Expect.nextText(consumer, "m0");
            Expect.nextText(consumer, "m1").acknowledge();
        }
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
            Expect.nextText(consumer, "m0");
            Expect.nextText(consumer, "m2", 1);
            Expect.nothingMore(consumer);
        }
    }

    private static void listenerThatThrows(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session sending = connection.createSession(Session.DUPS_OK_ACKNOWLEDGE);
            Queue queue = sending.createQueue(Broker.fresh("listener"));
            Sending.texts(sending, queue, "x");
            CountDownLatch heardTwice = new CountDownLatch(2);
            connection.createSession().createConsumer(queue).setMessageListener(message -> {
                heardTwice.countDown();
                if (heardTwice.getCount() > 0) {
                    throw new IllegalStateException("the first time");
                }
            });
            Expect.reached(heardTwice, "two deliveries of the one message");
        }
    }

    private static void prefetched(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("prefetched"));
            Sending.numbered(session, queue, 10);
            try (MessageConsumer first = session.createConsumer(queue)) {
                Expect.nextText(first, "m0", 1);
            }
            MessageConsumer second = session.createConsumer(queue);
            for (int number = 1; number < 10; number++) {
                Expect.nextText(second, "m" + number, 1);
            }
            Expect.nothingMore(second);
        }
    }
}

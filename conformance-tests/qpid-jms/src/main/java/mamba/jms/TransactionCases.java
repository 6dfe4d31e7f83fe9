package mamba.jms;

import jakarta.jms.Connection;
import jakarta.jms.MessageConsumer;
import jakarta.jms.Queue;
import jakarta.jms.Session;
import java.util.List;

/** Sessions that are committed and rolled back. */
final class TransactionCases {

    /** Deliveries after which Mamba moves a message to the dead letters, unless the queue says otherwise. */
    private static final int MOST_DELIVERIES = 10;

    private TransactionCases() {
    }

    static List<Case> all() {
        return List.of(
                new Case("transaction.commit-and-rollback", TransactionCases::commitAndRollback),
                new Case("transaction.a-poison-message-ends-in-the-dead-letters", TransactionCases::poison));
    }

    private static void commitAndRollback(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession(Session.SESSION_TRANSACTED);
            Queue queue = session.createQueue(Broker.fresh("transaction"));
            Sending.texts(session, queue, "never sent");
            session.rollback();
            Sending.texts(session, queue, "one", "two");
            session.commit();

            MessageConsumer consumer = session.createConsumer(queue);
            Expect.nextText(consumer, "one", 1);
            session.rollback();
            Expect.nextText(consumer, "one", 2);
            Expect.nextText(consumer, "two", 1);
            session.commit();
            Expect.nothingMore(consumer);
        }
    }

    private static void poison(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession(Session.SESSION_TRANSACTED);
            String queue = Broker.fresh("poison");
            Sending.texts(session, session.createQueue(queue), "poison");
            session.commit();

            MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
            for (int delivery = 1; delivery <= MOST_DELIVERIES; delivery++) {
                Expect.nextText(consumer, "poison", delivery);
                session.rollback();
            }
            Expect.nextText(session.createConsumer(session.createQueue("DLQ." + queue)), "poison");
            session.commit();
            Expect.nothingMore(consumer);
        }
    }
}

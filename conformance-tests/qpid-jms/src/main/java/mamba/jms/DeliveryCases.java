package mamba.jms;

import jakarta.jms.CompletionListener;
import jakarta.jms.Connection;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Queue;
import jakarta.jms.Session;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;

/** When messages are delivered: at once, on demand, later, or no more. */
final class DeliveryCases {

    private static final int MANY = 500;
    private static final long DELAY = 1_500;
    private static final long TIME_TO_LIVE = 200;

    private DeliveryCases() {
    }

    static List<Case> all() {
        return List.of(
                new Case("delivery.without-prefetch", DeliveryCases::withoutPrefetch),
                new Case("delivery.asynchronous-sends-and-a-listener", DeliveryCases::asynchronous),
                new Case("delivery.delayed", DeliveryCases::delayed),
                new Case("delivery.expired", DeliveryCases::expired));
    }

    private static void withoutPrefetch(Broker broker) throws Exception {
        try (Connection connection = broker.connect("jms.prefetchPolicy.all=0")) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("prefetch"));
            Sending.numbered(session, queue, 3);
            MessageConsumer consumer = session.createConsumer(queue);
            MessageConsumer idle = session.createConsumer(queue);
            for (int number = 0; number < 3; number++) {
                Expect.nextText(consumer, "m" + number);
            }
            Expect.nothingMore(consumer);
            Expect.equal("receiveNoWait on an empty queue", null, idle.receiveNoWait());
        }
    }

    private static void asynchronous(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("asynchronous"));
            MessageProducer producer = session.createProducer(queue);
            Completions completions = new Completions();
            for (int number = 0; number < MANY; number++) {
                producer.send(Sending.numbered(session, number), completions);
            }
            Expect.reached(completions.missing, MANY + " completions");
            Expect.equal("failed sends", List.of(), List.copyOf(completions.failures));

            CountDownLatch unheard = new CountDownLatch(MANY);
            connection.createSession().createConsumer(queue).setMessageListener(message -> unheard.countDown());
            Expect.reached(unheard, MANY + " messages heard");
        }
    }

    private static void delayed(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("delayed"));
            MessageConsumer consumer = session.createConsumer(queue);
            MessageProducer producer = session.createProducer(queue);
            producer.setDeliveryDelay(DELAY);
            long sent = System.nanoTime();
            Message later = session.createTextMessage("later");
            producer.send(later);
            Sending.texts(session, queue, "now");

            Expect.nextText(consumer, "now");
            Message received = Expect.nextText(consumer, "later", 1);
            long waited = (System.nanoTime() - sent) / 1_000_000;
            Expect.that("a wait of about " + DELAY + " ms at least", waited >= DELAY - 100, waited + " ms");
            Expect.equal("JMSDeliveryTime", later.getJMSDeliveryTime(), received.getJMSDeliveryTime());
        }
    }

    /** The client drops what has expired by itself unless told not to: this is about the broker. */
    private static void expired(Broker broker) throws Exception {
        try (Connection connection = broker.connect("jms.localMessageExpiry=false")) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("expired"));
            MessageProducer producer = session.createProducer(queue);
            producer.setTimeToLive(TIME_TO_LIVE);
            producer.send(session.createTextMessage("short-lived"));
            Thread.sleep(TIME_TO_LIVE * 2);
            Sending.texts(session, queue, "long-lived");

            MessageConsumer consumer = session.createConsumer(queue);
            Expect.nextText(consumer, "long-lived");
            Expect.nothingMore(consumer);
        }
    }

    private static final class Completions implements CompletionListener {

        private final CountDownLatch missing = new CountDownLatch(MANY);
        private final ConcurrentLinkedQueue<Exception> failures = new ConcurrentLinkedQueue<>();

        @Override
        public void onCompletion(Message message) {
            missing.countDown();
        }

        @Override
        public void onException(Message message, Exception failure) {
            failures.add(failure);
            missing.countDown();
        }
    }
}

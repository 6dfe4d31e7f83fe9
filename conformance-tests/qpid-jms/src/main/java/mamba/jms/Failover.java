package mamba.jms;

import jakarta.jms.Connection;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Session;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.qpid.jms.JmsConnectionFactory;

/**
 * Sends persistent messages, and receives them in transactions of ten, by failover URIs, so that the broker can be killed and started
 * again meanwhile: {@code Failover [URI [MESSAGES]]}. The exit code is 0 if each message that was sent was received.
 */
public final class Failover {

    private static final String LOOPBACK = "amqp://127.0.0.1:5672";
    private static final String OPTIONS = "?failover.maxReconnectAttempts=200&failover.reconnectDelay=100"
            + "&failover.useReconnectBackOff=false&jms.requestTimeout=60000";
    private static final int DEFAULT_MESSAGES = 3_000;
    private static final int BATCH = 10;
    private static final long SECONDS_FOR_ALL = 300;
    private static final long MILLISECONDS_BETWEEN_SENDS = 3;

    private final JmsConnectionFactory factory;
    private final String queue = Broker.fresh("failover");
    private final int total;
    private final Set<Integer> sent = ConcurrentHashMap.newKeySet();
    private final Set<Integer> received = ConcurrentHashMap.newKeySet();

    /** The committed transaction, counted from 1, in which a number was received first. */
    private final Map<Integer, Integer> transactions = new HashMap<>();

    private Failover(String uri, int total) {
        factory = new JmsConnectionFactory("failover:(" + uri + ")" + OPTIONS);
        this.total = total;
    }

    public static void main(String[] arguments) throws InterruptedException {
        String uri = arguments.length > 0 ? arguments[0] : LOOPBACK;
        int total = arguments.length > 1 ? Integer.parseInt(arguments[1]) : DEFAULT_MESSAGES;
        System.exit(new Failover(uri, total).run() ? 0 : 1);
    }

    private boolean run() throws InterruptedException {
        Thread sender = start("sender", this::sendAll);
        Thread receiver = start("receiver", this::receiveAll);
        long deadline = System.nanoTime() + SECONDS_FOR_ALL * 1_000_000_000;
        for (Thread thread : List.of(sender, receiver)) {
            thread.join(Math.max(1, (deadline - System.nanoTime()) / 1_000_000));
            if (thread.isAlive()) {
                System.out.println("the " + thread.getName() + " has not ended within " + SECONDS_FOR_ALL + " s");
            }
        }
        Set<Integer> lost = new TreeSet<>(sent);
        lost.removeAll(received);
        System.out.println(sent.size() + " sent, " + received.size() + " received, " + lost.size() + " lost" + (lost.isEmpty() ? "" : " " + lost));
        return lost.isEmpty() && sent.size() == total && !receiver.isAlive();
    }

    private void sendAll() throws JMSException, InterruptedException {
        try (Connection connection = factory.createConnection()) {
            connection.start();
            Session session = connection.createSession();
            MessageProducer producer = session.createProducer(session.createQueue(queue));
            int number = 0;
            while (number < total) {
                try {
                    producer.send(Sending.numbered(session, number));
                    sent.add(number);
                    number++;
                } catch (JMSException unsure) {
                    System.out.println("send of " + number + " is tried again: " + unsure);
                }
                // Paces the sends, so that a few kills by hand fall into them.
                Thread.sleep(MILLISECONDS_BETWEEN_SENDS);
            }
        }
    }

    private void receiveAll() throws JMSException {
        try (Connection connection = factory.createConnection()) {
            connection.start();
            Session session = connection.createSession(Session.SESSION_TRANSACTED);
            MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
            int committed = 0;
            int twice = 0;
            while (received.size() < total) {
                List<Message> batch = new ArrayList<>();
                try {
                    fill(batch, consumer);
                    session.commit();
                    committed++;
                    twice += count(batch, committed);
                } catch (JMSException rolledBack) {
                    System.out.println("a transaction of " + batch.size() + " comes again: " + rolledBack);
                }
            }
            System.out.println(twice + " received twice");
        }
    }

    private void fill(List<Message> batch, MessageConsumer consumer) throws JMSException {
        Message message = consumer.receive(1_000);
        while (message != null) {
            batch.add(message);
            message = batch.size() < BATCH ? consumer.receive(1_000) : null;
        }
    }

    /** Counts what a committed transaction brought, and says how many of it had come before, and where. */
    private int count(List<Message> batch, int transaction) throws JMSException {
        int twice = 0;
        for (Message message : batch) {
            int number = message.getIntProperty("n");
            Integer earlier = transactions.putIfAbsent(number, transaction);
            received.add(number);
            if (earlier != null) {
                twice++;
                System.out.println(number + " received twice: in transaction " + earlier + ", and as delivery "
                        + message.getIntProperty("JMSXDeliveryCount") + " in transaction " + transaction);
            }
        }
        return twice;
    }

    private interface Work {
        void run() throws Exception;
    }

    private static Thread start(String name, Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (Exception failure) {
                System.out.println("the " + name + " ended early: " + failure);
            }
        }, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }
}

package mamba.jms;

import jakarta.jms.Connection;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Queue;
import jakarta.jms.Session;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Messages of one group go to one consumer, in order. */
final class GroupCases {

    private static final int GROUPS = 3;
    private static final int MESSAGES = 30;

    private GroupCases() {
    }

    static List<Case> all() {
        return List.of(new Case("group.in-order-to-one-consumer", GroupCases::inOrderToOneConsumer));
    }

    private static void inOrderToOneConsumer(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("groups"));
            MessageConsumer first = session.createConsumer(queue);
            MessageConsumer second = connection.createSession().createConsumer(queue);
            sendGroups(connection.createSession(), queue);

            Map<String, MessageConsumer> owners = new HashMap<>();
            Map<String, Integer> sequences = new HashMap<>();
            int received = 0;
            long deadline = System.nanoTime() + Expect.PATIENCE * 1_000_000;
            while (received < MESSAGES && System.nanoTime() < deadline) {
                for (MessageConsumer consumer : Arrays.asList(first, second)) {
                    Message message = consumer.receive(50);
                    if (message != null) {
                        received++;
                        String group = message.getStringProperty("JMSXGroupID");
                        Expect.that("one consumer for " + group, owners.computeIfAbsent(group, any -> consumer) == consumer, "both");
                        int expected = sequences.merge(group, 1, Integer::sum);
                        Expect.equal("JMSXGroupSeq in " + group, expected, message.getIntProperty("JMSXGroupSeq"));
                    }
                }
            }
            Expect.equal("messages received", MESSAGES, received);
        }
    }

    private static void sendGroups(Session session, Queue queue) throws JMSException {
        MessageProducer producer = session.createProducer(queue);
        for (int number = 0; number < MESSAGES; number++) {
            Message message = Sending.numbered(session, number);
            message.setStringProperty("JMSXGroupID", "group-" + number % GROUPS);
            message.setIntProperty("JMSXGroupSeq", 1 + number / GROUPS);
            producer.send(message);
        }
    }
}

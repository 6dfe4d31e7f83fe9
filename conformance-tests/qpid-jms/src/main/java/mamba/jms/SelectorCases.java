package mamba.jms;

import jakarta.jms.Connection;
import jakarta.jms.DeliveryMode;
import jakarta.jms.InvalidSelectorException;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Queue;
import jakarta.jms.QueueBrowser;
import jakarta.jms.Session;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Consumers and browsers that choose. */
final class SelectorCases {

    private static final String NO_SELECTOR = "color = = 1";

    private SelectorCases() {
    }

    static List<Case> all() {
        return List.of(
                new Case("selector.by-properties-and-headers", SelectorCases::propertiesAndHeaders),
                new Case("selector.a-bad-one-is-refused", SelectorCases::badSelector),
                new Case("selector.browsers-see-all-they-choose-and-take-nothing", SelectorCases::browsers));
    }

    private static void propertiesAndHeaders(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("selector"));
            MessageProducer producer = session.createProducer(queue);
            for (int number = 0; number < 10; number++) {
                Message message = Sending.numbered(session, number);
                message.setStringProperty("color", number % 2 == 0 ? "red" : "blue");
                producer.send(message, DeliveryMode.NON_PERSISTENT, number, Message.DEFAULT_TIME_TO_LIVE);
            }
            String selector = "color IN ('red') AND n BETWEEN 3 AND 9 AND JMSPriority > 5 AND JMSMessageID LIKE 'ID:%'";
            MessageConsumer consumer = session.createConsumer(queue, selector);
            Expect.nextText(consumer, "m8");
            Expect.nextText(consumer, "m6");
            Expect.nothingMore(consumer);
        }
    }

    private static void badSelector(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("selector"));
            Expect.thrown(InvalidSelectorException.class, "createConsumer", () -> session.createConsumer(queue, NO_SELECTOR));
            Sending.texts(session, queue, "the session goes on");
            Expect.nextText(session.createConsumer(queue), "the session goes on");
        }
    }

    private static void browsers(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("browser"));
            Sending.numbered(session, queue, 200);
            Expect.equal("what a browser sees", numbers(0, 200), seen(session.createBrowser(queue)));
            Expect.equal("what a browser with a selector sees", numbers(190, 200), seen(session.createBrowser(queue, "n >= 190")));
            MessageConsumer consumer = session.createConsumer(queue);
            for (String text : numbers(0, 200)) {
                Expect.nextText(consumer, text, 1);
            }
            Expect.nothingMore(consumer);
        }
    }

    private static List<String> numbers(int from, int to) {
        return IntStream.range(from, to).mapToObj(number -> "m" + number).collect(Collectors.toList());
    }

    private static List<String> seen(QueueBrowser browser) throws JMSException {
        List<String> texts = new ArrayList<>();
        Enumeration<?> messages = browser.getEnumeration();
        while (messages.hasMoreElements()) {
            texts.add(Expect.text((Message) messages.nextElement()));
        }
        browser.close();
        return texts;
    }
}

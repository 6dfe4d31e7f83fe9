package mamba.jms;

import jakarta.jms.Destination;
import jakarta.jms.JMSException;
import jakarta.jms.MessageProducer;
import jakarta.jms.Session;
import jakarta.jms.TextMessage;

/** Sends what cases receive. */
final class Sending {

    private Sending() {
    }

    static void texts(Session session, Destination destination, String... texts) throws JMSException {
        try (MessageProducer producer = session.createProducer(destination)) {
            for (String text : texts) {
                producer.send(session.createTextMessage(text));
            }
        }
    }

    /** Sends m0, m1 and so on, each with its number as the property n. */
    static void numbered(Session session, Destination destination, int count) throws JMSException {
        try (MessageProducer producer = session.createProducer(destination)) {
            for (int number = 0; number < count; number++) {
                producer.send(numbered(session, number));
            }
        }
    }

    static TextMessage numbered(Session session, int number) throws JMSException {
        TextMessage message = session.createTextMessage("m" + number);
        message.setIntProperty("n", number);
        return message;
    }
}

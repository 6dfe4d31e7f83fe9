package mamba.jms;

import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.TextMessage;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** What cases expect. Every failure says what was expected and what came. */
final class Expect {

    /** How long a message that has to come may take, in milliseconds. */
    static final long PATIENCE = 10_000;

    /** How long a consumer is listened to where nothing may come, in milliseconds. */
    static final long QUIET = 300;

    interface Action {
        void run() throws Exception;
    }

    private Expect() {
    }

    static void equal(String subject, Object expected, Object actual) {
        if (!Objects.deepEquals(expected, actual)) {
            throw new AssertionError(subject + ": expected " + expected + ", but it is " + actual);
        }
    }

    static void that(String expectation, boolean holds, Object actual) {
        if (!holds) {
            throw new AssertionError("expected " + expectation + ", but it is " + actual);
        }
    }

    /** The next message, which has to come. */
    static Message next(MessageConsumer consumer, String expectation) throws JMSException {
        Message message = consumer.receive(PATIENCE);
        if (message == null) {
            throw new AssertionError("expected " + expectation + ", but nothing came within " + PATIENCE + " ms");
        }
        return message;
    }

    /** The next message, which has to be a text message of this text. */
    static Message nextText(MessageConsumer consumer, String text) throws JMSException {
        Message message = next(consumer, "the message '" + text + "'");
        equal("text of the next message", text, text(message));
        return message;
    }

    /** The next message, which has to be of this text, and to be delivered for the given time, counted from 1. */
    static Message nextText(MessageConsumer consumer, String text, int deliveryCount) throws JMSException {
        Message message = nextText(consumer, text);
        equal("JMSXDeliveryCount of '" + text + "'", deliveryCount, message.getIntProperty("JMSXDeliveryCount"));
        equal("JMSRedelivered of '" + text + "'", deliveryCount > 1, message.getJMSRedelivered());
        return message;
    }

    static void nothingMore(MessageConsumer consumer) throws JMSException {
        Message message = consumer.receive(QUIET);
        if (message != null) {
            throw new AssertionError("expected no further message, but there is " + describe(message));
        }
    }

    static <T extends Exception> void thrown(Class<T> expected, String by, Action action) {
        try {
            action.run();
        } catch (Exception thrown) {
            if (expected.isInstance(thrown)) {
                return;
            }
            throw new AssertionError(by + ": expected " + expected.getName() + ", but it threw " + thrown, thrown);
        }
        throw new AssertionError(by + ": expected " + expected.getName() + ", but nothing was thrown");
    }

    static void reached(CountDownLatch latch, String expectation) throws InterruptedException {
        if (!latch.await(PATIENCE, TimeUnit.MILLISECONDS)) {
            throw new AssertionError("expected " + expectation + ", but " + latch.getCount() + " are missing after " + PATIENCE + " ms");
        }
    }

    static String text(Message message) throws JMSException {
        if (message instanceof TextMessage) {
            return ((TextMessage) message).getText();
        }
        throw new AssertionError("expected a TextMessage, but it is " + describe(message));
    }

    private static String describe(Message message) throws JMSException {
        String text = message instanceof TextMessage ? " '" + ((TextMessage) message).getText() + "'" : "";
        return message.getClass().getSimpleName() + " " + message.getJMSMessageID() + text;
    }
}

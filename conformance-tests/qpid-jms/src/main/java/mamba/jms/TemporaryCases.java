package mamba.jms;

import jakarta.jms.Connection;
import jakarta.jms.InvalidDestinationException;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Queue;
import jakarta.jms.Session;
import jakarta.jms.TemporaryQueue;
import jakarta.jms.TemporaryTopic;
import jakarta.jms.Topic;
import java.util.List;

/** Queues and topics of one connection, and producers that have no destination of their own. */
final class TemporaryCases {

    private TemporaryCases() {
    }

    static List<Case> all() {
        return List.of(
                new Case("temporary.request-and-reply", TemporaryCases::requestAndReply),
                new Case("temporary.topic", TemporaryCases::topic),
                new Case("temporary.a-producer-without-a-destination", TemporaryCases::anonymousProducer));
    }

    private static void requestAndReply(Broker broker) throws Exception {
        try (Connection asking = broker.connect(); Connection answering = broker.connect()) {
            Session session = asking.createSession();
            Queue requests = session.createQueue(Broker.fresh("requests"));
            TemporaryQueue replies = session.createTemporaryQueue();
            MessageConsumer consumer = session.createConsumer(replies);
            Message question = session.createTextMessage("question");
            question.setJMSReplyTo(replies);
            session.createProducer(requests).send(question);

            answer(answering.createSession(), requests);

            Message reply = Expect.nextText(consumer, "answer");
            Expect.equal("JMSCorrelationID", question.getJMSMessageID(), reply.getJMSCorrelationID());
            Expect.thrown(JMSException.class, "deleting a temporary queue in use", replies::delete);
            consumer.close();
            replies.delete();
            Expect.thrown(InvalidDestinationException.class, "a consumer of a deleted queue", () -> session.createConsumer(replies));
        }
    }

    private static void answer(Session session, Queue requests) throws JMSException {
        Message question = Expect.nextText(session.createConsumer(requests), "question");
        Expect.that("a temporary queue to reply to", question.getJMSReplyTo() instanceof TemporaryQueue, question.getJMSReplyTo());
        Message reply = session.createTextMessage("answer");
        reply.setJMSCorrelationID(question.getJMSMessageID());
        session.createProducer(question.getJMSReplyTo()).send(reply);
    }

    private static void topic(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            TemporaryTopic topic = session.createTemporaryTopic();
            MessageConsumer first = session.createConsumer(topic);
            MessageConsumer second = session.createConsumer(topic);
            Sending.texts(session, topic, "for both");
            Expect.nextText(first, "for both");
            Expect.nextText(second, "for both");
        }
    }

    private static void anonymousProducer(Broker broker) throws Exception {
        try (Connection connection = broker.connect()) {
            Session session = connection.createSession();
            Queue queue = session.createQueue(Broker.fresh("queue"));
            Topic topic = session.createTopic(Broker.fresh("topic"));
            MessageConsumer subscriber = session.createConsumer(topic);
            MessageProducer producer = session.createProducer(null);
            producer.send(queue, session.createTextMessage("to a queue"));
            producer.send(topic, session.createTextMessage("to a topic"));

            Message fromQueue = Expect.nextText(session.createConsumer(queue), "to a queue");
            Expect.equal("JMSDestination", queue, fromQueue.getJMSDestination());
            Message fromTopic = Expect.nextText(subscriber, "to a topic");
            Expect.equal("JMSDestination", topic, fromTopic.getJMSDestination());
        }
    }
}

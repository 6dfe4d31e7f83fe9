package mamba.jms;

import jakarta.jms.Connection;
import jakarta.jms.JMSException;
import java.util.UUID;
import org.apache.qpid.jms.JmsConnectionFactory;

/** The broker under test, as its clients see it: an address to connect to. */
record Broker(String uri) {

    /** A factory for connections with further options of the client's, such as "jms.prefetchPolicy.all=0". */
    JmsConnectionFactory factory(String... options) {
        if (options.length == 0) {
            return new JmsConnectionFactory(uri);
        }
        return new JmsConnectionFactory(uri + (uri.contains("?") ? "&" : "?") + String.join("&", options));
    }

    /** A started connection without a client id of its own. */
    Connection connect(String... options) throws JMSException {
        Connection connection = factory(options).createConnection();
        connection.start();
        return connection;
    }

    /** A started connection with a client id, which no other connection may have at that time. */
    Connection connectAs(String clientId) throws JMSException {
        Connection connection = factory().createConnection();
        try {
            connection.setClientID(clientId);
            connection.start();
            return connection;
        } catch (JMSException refused) {
            connection.close();
            throw refused;
        }
    }

    /** A name that nobody has used before, so that cases find nothing that others left. */
    static String fresh(String kind) {
        return "qpid-jms." + kind + "." + UUID.randomUUID();
    }
}

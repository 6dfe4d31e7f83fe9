package mamba.jms;

/** One case: a name to find it by, and what it does with a broker. A case that ends without an exception has passed. */
record Case(String name, Body body) {

    interface Body {
        void run(Broker broker) throws Exception;
    }
}

using Apache.NMS;

namespace Mamba.NmsAmqp.Cases;

/// <summary>Sessions that are committed and rolled back.</summary>
internal static class TransactionCases
{
    public static IEnumerable<Case> All => [new("transaction.commit-and-rollback", CommitAndRollback)];

    private static void CommitAndRollback(Broker broker)
    {
        using var connection = broker.Connect();
        using var session = connection.CreateSession(AcknowledgementMode.Transactional);
        var queue = session.GetQueue(Broker.Fresh("transaction"));
        Sending.Texts(session, queue, "never sent");
        session.Rollback();
        Sending.Texts(session, queue, "one", "two");
        session.Commit();

        using var consumer = session.CreateConsumer(queue);
        Expect.NextText(consumer, "one", redelivered: false);
        session.Rollback();
        Expect.NextText(consumer, "one", redelivered: true);
        Expect.NextText(consumer, "two", redelivered: false);
        session.Commit();
        Expect.NothingMore(consumer);
    }
}

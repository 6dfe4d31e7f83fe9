using Apache.NMS;

namespace Mamba.NmsAmqp.Cases;

/// <summary>Sends what cases receive.</summary>
internal static class Sending
{
    public static void Texts(ISession session, IDestination destination, params string[] texts)
    {
        using var producer = session.CreateProducer(destination);
        foreach (var text in texts)
        {
            producer.Send(session.CreateTextMessage(text));
        }
    }

    /// <summary>Sends m0, m1 and so on.</summary>
    public static void Numbered(ISession session, IDestination destination, int count) =>
        Texts(session, destination, [.. Enumerable.Range(0, count).Select(static number => $"m{number}")]);
}

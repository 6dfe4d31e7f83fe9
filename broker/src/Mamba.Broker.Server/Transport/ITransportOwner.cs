namespace Mamba.Broker.Server.Transport;

/// <summary>
/// Told when an operation that a <see cref="ByteTransport"/> could not finish at once is done. Calls come on pool threads,
/// never inside the call that started the operation.
/// </summary>
internal interface ITransportOwner
{
    /// <summary>The receive is done: more than zero bytes, or zero for the end of the stream or a broken connection.</summary>
    void OnReceived(int count);

    /// <summary>The send is done, or failed for good.</summary>
    void OnSent(bool succeeded);
}

namespace Mamba.Broker.Engine.Tests;

/// <summary>Does not mind being told: its test asks by itself.</summary>
internal sealed class SilentSubscriber : ISubscriber
{
    public void OnReady()
    {
        // Nobody waits for it.
    }

    public void OnNodeDeleted()
    {
        // Nobody waits for it.
    }
}

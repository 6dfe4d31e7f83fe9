using Mamba.Amqp.Codec;
using Mamba.Amqp.Conformance.Adapters;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Tests;

/// <summary>Cases see what they are about: each is passed by a peer that keeps the rule, and not by one that breaks it and is the same otherwise.</summary>
public sealed class BrokenPeerTests
{
    private static readonly Begin Begun = new() { RemoteChannel = 0, NextOutgoingId = 0, IncomingWindow = 100, OutgoingWindow = 100 };

    private static readonly Flow Answer = new() { NextIncomingId = 0, IncomingWindow = 100, NextOutgoingId = 0, OutgoingWindow = 100 };

    [TestCase(false, Verdict.Pass)]
    [TestCase(true, Verdict.Fail)]
    public async Task A_flow_that_is_answered_on_an_ended_session_is_seen(bool answered, Verdict verdict)
    {
        var ended = new End { Error = new AmqpError(ErrorCondition.UnattachedHandle, "no such link") };
        IAmqpEncodable[] words = answered ? [Begun, ended, Answer, Begun] : [Begun, ended, Begun];
        Assert.That(await RunAsync("SESSION-05", words), Is.EqualTo(verdict));
    }

    private static async Task<Verdict> RunAsync(string id, IAmqpEncodable[] words)
    {
        await using var peer = new HandmadeBroker([.. HandmadeBroker.Greeting("B"), .. words.SelectMany(static w => Raw.Frame(w, 0))]);
        await using var adapter = new PlainAdapter();
        var runner = new SuiteRunner(peer.Target, adapter, TimeSpan.FromSeconds(60));
        var result = await runner.RunAsync(ConformanceCase.All.First(c => c.Id == id));
        await TestContext.Out.WriteLineAsync($"{result.Detail}\n{string.Join('\n', result.Trace)}");
        return result.Verdict;
    }
}

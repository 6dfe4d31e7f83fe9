using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links.Resumption;

namespace Mamba.Broker.Server.Links;

// Resumable links: finding, or making, the terminus that outlives them.
internal sealed partial class LinkBinder
{
    private TerminusRegistry Termini => Server.Termini;

    private LinkIdentity IdentityOf(Attach attach) => new(connection.ContainerId, connection.Principal.Name, attach.Name, attach.Role);

    /// <summary>The terminus of a link on which messages come in, compared with the sender's map; null when the link is not resumable.</summary>
    private async ValueTask<IncomingTerminus?> OpenIncomingAsync(ResumptionTerms? terms, Attach attach)
    {
        var sender = UnsettledMap.Read(attach.Unsettled);
        if (TakeExisting<IncomingTerminus>(terms, attach) is { } existing)
        {
            await existing.WhenQuiet();
            existing.Compare(sender, !attach.IncompleteUnsettled);
            return existing;
        }

        if (terms is null)
        {
            return null;
        }

        var terminus = new IncomingTerminus(IdentityOf(attach), terms);
        Termini.Add(terminus);
        await DefineAsync(terminus, subscription: null);
        return terminus;
    }

    /// <summary>
    /// The terminus of a link on which messages go out, whose subscription has what it held; null when the link is not resumable.
    /// </summary>
    private async ValueTask<(OutgoingTerminus? Terminus, OutboundResumption? Resumption)> OpenOutgoingAsync(
        ResumptionTerms? terms, Attach attach, ISubscription subscription)
    {
        var receiver = UnsettledMap.Read(attach.Unsettled);
        if (TakeExisting<OutgoingTerminus>(terms, attach) is { } existing)
        {
            List<AcquiredMessage> held = [];
            if (existing.Held is { } kept && subscription.Adopt(kept, held))
            {
                existing.Held = null;
                if (existing.Durable is { } durable)
                {
                    Server.Engine.AttachTerminus(durable, subscription);
                    await Server.Engine.WhenSettledAsync();
                }

                return (existing, new OutboundResumption(held, receiver, !attach.IncompleteUnsettled, existing.IsLost, connection));
            }

            // What it held went with its queue; there is another now.
            Termini.Discard(existing);
        }

        if (terms is null)
        {
            return default;
        }

        var terminus = new OutgoingTerminus(IdentityOf(attach), terms);
        Termini.Add(terminus);
        await DefineAsync(terminus, subscription);
        return (terminus, new OutboundResumption([], receiver, complete: true, failed: false, connection));
    }

    /// <summary>As <see cref="OpenOutgoingAsync"/>; a subscription whose terminus could not be opened is closed.</summary>
    private async ValueTask<(OutgoingTerminus? Terminus, OutboundResumption? Resumption)> OpenAsync(
        Attach attach, IMessageNode node, SourceBinding binding, ISubscription subscription)
    {
        // A browser holds nothing, what a volatile subscription holds goes with it, and what a client of Service Bus holds is locked for its link.
        var canSuspend = connection.ServiceBus is null && !node.IsTemporary && (binding.IsDurable || (node.Kind == NodeKind.Queue && !binding.IsCopy));
        var terms = canSuspend ? ResumptionTerms.Of(attach.Source!, attach) : null;
        if (terms is { IsDurable: true } && !node.Options.Durable)
        {
            terms = terms with { Durability = TerminusDurability.None };
        }

        try
        {
            return await OpenOutgoingAsync(terms, attach, subscription);
        }
        catch
        {
            subscription.Close(SettleOnClose.Released);
            throw;
        }
    }

    /// <summary>Puts what the terminus has unsettled into the answer, and tells the link's end of it.</summary>
    private static Attach Resume(ReceiverEndpoint link, IncomingTerminus? terminus, Attach reply)
    {
        if (terminus is null)
        {
            return reply;
        }

        reply.Unsettled = terminus.Describe();
        link.KeepsPartial = true;
        if (terminus.Partial is { } partial)
        {
            link.Retain(partial.Tag, partial.Bytes);
            terminus.Partial = null;
        }

        foreach (var tag in terminus.Stored())
        {
            link.Retain(tag);
        }

        return reply;
    }

    /// <summary>What is there under the link's name, if it is what the attach asks for; otherwise it ends, as the link is another one.</summary>
    private T? TakeExisting<T>(ResumptionTerms? terms, Attach attach)
        where T : LinkTerminus
    {
        if (Termini.IsEmpty || Termini.Take(IdentityOf(attach)) is not { } found)
        {
            return null;
        }

        if (found is T existing && terms is not null && found.Terms.Address == terms.Address && found.Terms.IsDurable == terms.IsDurable)
        {
            existing.Terms = terms;
            return existing;
        }

        Termini.Discard(found);
        return null;
    }

    private async Task DefineAsync(LinkTerminus terminus, ISubscription? subscription)
    {
        if (!terminus.Terms.IsDurable)
        {
            return;
        }

        var identity = terminus.Identity;
        try
        {
            terminus.Durable = await Server.Engine.DefineTerminusAsync(
                new TerminusKey(identity.ContainerId, identity.Principal, identity.Name, terminus is IncomingTerminus), terminus.Terms.Encode(), subscription);
        }
        catch (EngineException)
        {
            Termini.Discard(terminus);
            throw;
        }
    }

    /// <summary>The link went while its terminus was opened: that is suspended once more.</summary>
    private void Abandon(ReceiverEndpoint link, TerminusOwner owner, IncomingTerminus? terminus)
    {
        if (terminus is not null)
        {
            connection.Suspend(terminus, link);
        }

        Abandon(link, owner);
    }

    private void Abandon(SenderEndpoint link, TerminusOwner owner, ISubscription subscription, OutgoingTerminus? terminus, OutboundResumption? resumption)
    {
        resumption?.Drop();
        if (terminus is null)
        {
            subscription.Close(SettleOnClose.Released);
        }
        else if ((terminus.Held = subscription.Suspend()) is null)
        {
            Termini.Discard(terminus);
        }
        else
        {
            connection.Suspend(terminus, link);
        }

        Abandon(link, owner);
    }
}

using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Dialects.RabbitMq;
using Mamba.Broker.Server.Dialects.ServiceBus;
using Mamba.Broker.Server.Links.Replies;
using Mamba.Broker.Server.Links.Resumption;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// Answers attach: finds or makes what the terminus means, subscribes, and replies with what is really in force; or refuses.
/// Runs in turns of its connection, coming back to one after every wait.
/// </summary>
internal sealed partial class LinkBinder(AmqpConnection connection)
{
    /// <summary>Characters of the container-id, and of the link's name, that go into the address of a node made for the link.</summary>
    private const int NameInAddress = 48;

    /// <summary>How often a link may find that the subscription it is to join has just ended.</summary>
    private const int MaxAttempts = 10;

    /// <summary>What a link is tagged with whose peer closed it before it was answered: the answer comes when the closing has taken effect.</summary>
    public static readonly object ClosedEarly = new();

    private static readonly Symbol[] AllOutcomes =
        [new("amqp:accepted:list"), new("amqp:rejected:list"), new("amqp:released:list"), new("amqp:modified:list")];

    private static readonly Symbol RejectedOutcome = new("amqp:rejected:list");
    private static readonly Symbol DelayedDelivery = new("DELAYED_DELIVERY");
    private static readonly Symbol SqlFilters = new("AMQP_FILTEX_SQL_V1_0");
    private static readonly Symbol PropertyFilters = new("AMQP_FILTEX_PROP_V1_0");
    private static readonly Symbol SharedSubscriptions = new("SHARED-SUBS");
    private static readonly Symbol GlobalCapability = new("global");

    private ServerContext Server => connection.Server;

    public async Task BindAsync(LinkEndpoint link, Attach attach)
    {
        if (connection.ServiceBus is not null)
        {
            ServiceBusDialect.NameByPath(attach);
        }

        var owner = new TerminusOwner(connection);
        try
        {
            if (await TryBindDeskAsync(link, attach))
            {
                return;
            }

            connection.CheckClaims(attach);
            if (link is SenderEndpoint sender)
            {
                await BindOutgoingAsync(sender, attach, owner);
            }
            else
            {
                await BindIncomingAsync((ReceiverEndpoint)link, attach, owner);
            }
        }
        catch (LinkRefusedException e)
        {
            Refuse(link, attach, owner, e.Error);
        }
        catch (EngineException e)
        {
            Refuse(link, attach, owner, Refusal.From(e));
        }
        catch (AmqpException e) when (e.Scope == AmqpErrorScope.Link)
        {
            Refuse(link, attach, owner, e.Error);
        }

        if (IsClosedEarly(link) && !connection.IsBroken)
        {
            link.Detach(closed: true);
        }
    }

    private void Refuse(LinkEndpoint link, Attach attach, TerminusOwner owner, AmqpError error)
    {
        var address = attach.Role == Role.Sender ? (attach.Target as Target)?.Address : attach.Source?.Address;
        ServerLog.LinkRefused(
            Server.Logger, connection.Id, attach.Name, address ?? "", error.Condition.Value, error.Description ?? "");
        if (attach.Role == Role.Sender)
        {
            Server.LateReplies.OnRefused(address, error);
        }

        // The dynamic node of a link that is refused for another reason goes with it.
        Abandon(link, owner);
        if (!IsAbandoned(link) || (IsClosedEarly(link) && !connection.IsBroken))
        {
            link.Refuse(error);
        }
    }

    /// <summary>While its terminus was looked for, the link was detached, its session ended, or its connection went.</summary>
    private bool IsAbandoned(LinkEndpoint link) =>
        connection.IsBroken || link.IsDetachSent || IsClosedEarly(link) || link.Session.IsEndReceived || link.Session.IsEndSent;

    private static bool IsClosedEarly(LinkEndpoint link) => ReferenceEquals(link.Tag, ClosedEarly);

    /// <summary>The peer closed the link before it was answered: for a durable subscription that means unsubscribe, as at any other time.</summary>
    private async ValueTask<bool> CloseEarlyAsync(LinkEndpoint link, SourceBinding binding)
    {
        if (IsClosedEarly(link) && binding.CloseTerminus is { } closeTerminus)
        {
            await closeTerminus();
        }

        return true;
    }

    private void Abandon(LinkEndpoint link, TerminusOwner owner)
    {
        connection.ReleaseName(link);

        // Of a node that was just taken over, the replies are not to be lost because the network failed once more.
        Server.Kept.OnOwnerGone(owner, link.RemoteAttach!, lost: connection.IsBroken, Server.NowMilliseconds);
    }

    private async Task BindIncomingAsync(ReceiverEndpoint link, Attach attach, TerminusOwner owner)
    {
        if (attach.Target is Coordinator)
        {
            if (attach.Unsettled is { Count: > 0 })
            {
                throw new LinkRefusedException(Refusal.NotImplemented("Resuming the link to the transaction coordinator"));
            }

            var coordinator = new CoordinatorLink(connection, link, CanReject(attach.Source), DuplicateMark.IsAsked(attach));
            Adopt(link, coordinator);
            var answer = ReplyToSender(attach, new Coordinator
            {
                Capabilities =
                [
                    TransactionCapability.LocalTransactions, TransactionCapability.MultiTxnsPerSsn, TransactionCapability.MultiSsnsPerTxn,
                ],
            });
            DuplicateMark.Grant(attach, answer);
            link.Attach(answer);
            coordinator.Open();
            return;
        }

        if (attach.Target is not Target target)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.InvalidField, "The attach names no target; name an address, or send an empty target for an anonymous link."));
        }

        if (!target.Dynamic && LinkPairs.IsNode(target.Address))
        {
            BindPairedRequests(link, attach, target);
            return;
        }

        await connection.StealLinkAsync(link, attach);
        if (connection.ServiceBus is not null)
        {
            ServiceBusDialect.CheckTarget(target.Address);
        }

        var node = target.Dynamic || target.Address is not null
            ? await connection.InTurn(ResolveAsync(target.Address, target.Dynamic, target.DynamicNodeProperties, target.Capabilities, owner, link))
            : null;
        if (IsAbandoned(link))
        {
            Abandon(link, owner);
            return;
        }

        var terminus = await connection.InTurn(OpenIncomingAsync(ResumptionTerms.Of(target, attach), attach));
        if (IsAbandoned(link))
        {
            Abandon(link, owner, terminus);
            return;
        }

        var handler = new InboundLink(connection, link, node, owner, CanReject(attach.Source), DuplicateMark.IsAsked(attach), terminus);
        Adopt(link, handler);
        var reply = Resume(link, terminus, ReplyToSender(attach, DescribeTarget(target, node, terminus?.Terms)));
        DuplicateMark.Grant(attach, reply);
        link.Attach(reply);
        handler.Open();
    }

    private async Task BindOutgoingAsync(SenderEndpoint link, Attach attach, TerminusOwner owner)
    {
        if (attach.Source is null)
        {
            BindLookUp(link, attach);
            return;
        }

        var source = attach.Source;
        if (!source.Dynamic && source.Address is null)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.InvalidField, "The source has no address; name one, or ask for a dynamic node."));
        }

        if (!source.Dynamic && LinkPairs.IsNode(source.Address))
        {
            BindPairedReplies(link, attach);
            return;
        }

        await connection.StealLinkAsync(link, attach);
        var entity = connection.ServiceBus?.SourceOf(source);
        var node = await connection.InTurn(entity is null
            ? ResolveAsync(source.Address, source.Dynamic, source.DynamicNodeProperties, source.Capabilities, owner, link)
            : entity.ResolveAsync());
        if (node is { IsTemporary: true, Owner: TerminusOwner other } && other.Connection != connection
            && !await connection.InTurn(TakeOverAsync(node, other, owner)))
        {
            throw new LinkRefusedException(Refusal.NotOwner(node.Address));
        }

        var settled = attach.SndSettleMode == SenderSettleMode.Settled;
        for (var attempt = 1; ; attempt++)
        {
            var binding = await connection.InTurn(entity is null ? SourceBinding.MakeAsync(connection, node, attach) : entity.BindAsync(node));
            if (IsAbandoned(link))
            {
                binding.Abandon();
                Abandon(link, owner);
                await connection.InTurn(CloseEarlyAsync(link, binding));
                return;
            }

            var terms = new OutboundTerms(node.Address, settled, source.DefaultOutcome, binding.CloseTerminus, owner)
            {
                Receiver = connection.ServiceBus?.Receiver(settled),
            };
            var handler = new OutboundLink(connection, link, terms);
            ISubscription subscription;
            try
            {
                subscription = binding.Subscribe(handler);
            }
            catch (EngineException e) when (attempt < MaxAttempts && binding.IsOvertaken(e))
            {
                // It ended between our finding it and our joining: it is made anew.
                continue;
            }

            await JoinAsync(link, attach, node, binding, handler, subscription, owner);
            return;
        }
    }

    /// <summary>The subscription is there: finds what the link resumes, and answers.</summary>
    private async Task JoinAsync(
        SenderEndpoint link, Attach attach, IMessageNode node, SourceBinding binding, OutboundLink handler, ISubscription subscription, TerminusOwner owner)
    {
        var (terminus, resumption) = await connection.InTurn(OpenAsync(attach, node, binding, subscription));
        if (IsAbandoned(link))
        {
            Abandon(link, owner, subscription, terminus, resumption);
            await connection.InTurn(CloseEarlyAsync(link, binding));
            return;
        }

        Adopt(link, handler);
        var reply = ReplyToReceiver(attach, DescribeSource(attach.Source!, node, binding, terminus?.Terms));
        if (handler.Receiver is not null)
        {
            reply.Source!.DefaultOutcome = attach.Source!.DefaultOutcome ?? EntityReceiver.WhenLost;
        }

        reply.Unsettled = resumption?.Map;
        link.Attach(reply);
        handler.Open(subscription, terminus, resumption);
    }

    /// <summary>A consumer that names no source asks what an existing subscription of its name is, usually to close (unsubscribe) it.</summary>
    private void BindLookUp(SenderEndpoint link, Attach attach)
    {
        var global = Array.IndexOf(attach.DesiredCapabilities ?? [], GlobalCapability) >= 0;
        var found = SubscriptionNames.LookUp(Server.Engine, connection.ContainerId, attach.Name, global)
            ?? throw new LinkRefusedException(Refusal.NoSubscription(attach.Name));
        connection.Access?.Require(AddressActions.Receive, found.TopicAddress, NodeKind.Topic);
        Adopt(link, new LookUpLink(connection, link, () => SourceBinding.UnsubscribeAsync(connection, found)));
        link.Attach(ReplyToReceiver(attach, new Source
        {
            Address = found.TopicAddress,
            Durable = TerminusDurability.UnsettledState,
            ExpiryPolicy = TerminusExpiryPolicy.Never,
            DistributionMode = DistributionMode.Copy,
            Filter = SourceFilters.Describe(found.Options),
            Outcomes = AllOutcomes,
            Capabilities = TerminusCapabilities.DescribeSubscription(found.Options.Shared, found.Key.ClientId is null),
        }));
    }

    private async ValueTask<IMessageNode> ResolveAsync(
        string? address, bool dynamic, AmqpMap? properties, Symbol[]? capabilities, TerminusOwner owner, LinkEndpoint link)
    {
        var wanted = TerminusCapabilities.Parse(capabilities);
        if (dynamic)
        {
            connection.Access?.Require(AddressActions.Create, AddressAccess.Temporary, NodeKind.Queue);
            var kind = wanted.Kind ?? NodeKind.Queue;
            return owner.Node = Server.Kept.TryTake(link.RemoteAttach!, kind, owner) ?? await Server.Engine.CreateTemporaryAsync(
                kind, LifetimePolicies.Read(properties), owner, $"{Beginning(connection.ContainerId)}-{Beginning(link.Name)}");
        }

        if (RabbitMqAddress.IsOne(address!))
        {
            return ResolveRabbitMq(address!, link);
        }

        var parsed = NodeAddress.Parse(address!, wanted);
        var access = connection.Access;
        if (link is not SenderEndpoint)
        {
            access?.Require(AddressActions.Send, parsed);
            return await Server.Addresses.ResolveTargetAsync(parsed, access);
        }

        var isCopy = link.RemoteAttach!.Source!.DistributionMode == DistributionMode.Copy;
        access?.Require(isCopy ? AddressActions.Browse | AddressActions.Receive : AddressActions.Receive, parsed);
        var node = await Server.Addresses.ResolveAsync(parsed, access);
        if (isCopy && node.Kind == NodeKind.Topic)
        {
            // On a topic copy is no browsing.
            access?.Require(AddressActions.Receive, node.Address, NodeKind.Topic);
        }

        return node;
    }

    /// <summary>
    /// Lets a client whose connection was lost consume from its temporary node again: the node is kept, or its former connection has not
    /// noticed yet that nobody is there.
    /// </summary>
    private async ValueTask<bool> TakeOverAsync(IMessageNode node, TerminusOwner former, TerminusOwner owner)
    {
        if (!KeptNodes.IsSameClient(former.Connection, connection))
        {
            return false;
        }

        if (!former.Connection.Ended.IsCompleted)
        {
            if (!await former.Connection.IsGhostAsync())
            {
                return false;
            }

            former.Connection.GiveWay(isGhost: true);
            await former.Connection.Ended;
        }

        return Server.Kept.TryTake(node.Address, owner);
    }

    private static string Beginning(string name) => name.Length <= NameInAddress ? name : name[..NameInAddress];

    /// <summary>A source without a list of outcomes allows all of them.</summary>
    private static bool CanReject(Source? source) =>
        source?.Outcomes is not { Length: > 0 } outcomes || Array.IndexOf(outcomes, RejectedOutcome) >= 0;

    private void Adopt(LinkEndpoint link, LinkHandler handler)
    {
        link.Tag = handler;
        connection.Register(handler);
    }

    private static Target DescribeTarget(Target asked, IMessageNode? node, ResumptionTerms? terms) => node is null && terms is null ? new Target() : new()
    {
        Address = asked.Dynamic ? node!.Address : asked.Address,
        Durable = terms?.Durability ?? TerminusDurability.None,
        ExpiryPolicy = terms?.ExpiryPolicy ?? TerminusExpiryPolicy.LinkDetach,
        Timeout = terms?.Timeout ?? 0,
        Dynamic = asked.Dynamic,
        DynamicNodeProperties = asked.Dynamic ? LifetimePolicies.Write(LifetimePolicies.Read(asked.DynamicNodeProperties)) : null,
        Capabilities = node is null ? null : TerminusCapabilities.Describe(node),
    };

    private static Source DescribeSource(Source asked, IMessageNode node, SourceBinding binding, ResumptionTerms? terms) => new()
    {
        Address = asked.Dynamic ? node.Address : asked.Address,
        Durable = binding.IsDurable ? TerminusDurability.UnsettledState : terms?.Durability ?? TerminusDurability.None,
        ExpiryPolicy = terms?.ExpiryPolicy ?? (binding.IsDurable ? TerminusExpiryPolicy.Never : TerminusExpiryPolicy.LinkDetach),
        Timeout = terms?.Timeout ?? 0,
        Dynamic = asked.Dynamic,
        DynamicNodeProperties = asked.Dynamic ? LifetimePolicies.Write(LifetimePolicies.Read(asked.DynamicNodeProperties)) : null,
        DistributionMode = binding.IsCopy ? DistributionMode.Copy : DistributionMode.Move,
        Filter = binding.FiltersInForce,
        DefaultOutcome = asked.DefaultOutcome ?? Released.Instance,
        Outcomes = AllOutcomes,
        Capabilities = binding.Capabilities ?? TerminusCapabilities.Describe(node),
    };

    private Attach ReplyToSender(Attach attach, ITarget target) => new()
    {
        SndSettleMode = attach.SndSettleMode,
        RcvSettleMode = attach.RcvSettleMode,
        Source = attach.Source,
        Target = target,
        MaxMessageSize = Server.Options.MaxMessageSize,
        OfferedCapabilities = Offered(attach),
    };

    private static Attach ReplyToReceiver(Attach attach, Source source) => new()
    {
        SndSettleMode = attach.SndSettleMode,
        RcvSettleMode = attach.RcvSettleMode,
        Source = source,
        Target = attach.Target,
        InitialDeliveryCount = 0,
        OfferedCapabilities = Offered(attach),
    };

    /// <summary>Of what the peer desires on this link, what it gets.</summary>
    private static Symbol[]? Offered(Attach attach)
    {
        List<Symbol>? offered = null;
        foreach (var desired in attach.DesiredCapabilities ?? [])
        {
            if (desired == DelayedDelivery || desired == SharedSubscriptions || desired == SqlFilters || desired == PropertyFilters)
            {
                (offered ??= []).Add(desired);
            }
        }

        return offered?.ToArray();
    }
}

package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/awslabs/operatorpkg/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kwok "sigs.k8s.io/karpenter/kwok/cloudprovider"
	v1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/scheduling"
)

const (
	providerPrefix = "aws:///"
	hashAnnotation = awsGroup + "/ec2nodeclass-hash"
	amiAnnotation  = "cnai.dev/ami-selector-hash"
)

// Provider makes nodes of the market's machines. Repair and reboot are the KWOK provider's.
type Provider struct {
	*kwok.CloudProvider
	client client.Client
	market *Market
	// launching is held from the look at what a reservation has left until one more of it is taken.
	launching sync.Mutex
	// terminated instances, by provider ID: their nodes may stay until Karpenter takes its finalizer away.
	terminated sync.Map
}

func NewProvider(ctx context.Context, kube client.Client, market *Market) *Provider {
	return &Provider{CloudProvider: kwok.NewCloudProvider(ctx, kube, nil), client: kube, market: market}
}

func (p *Provider) GetSupportedNodeClasses() []status.Object { return []status.Object{&EC2NodeClass{}} }

func (p *Provider) GetInstanceTypes(ctx context.Context, pool *v1.NodePool) ([]*cloudprovider.InstanceType, error) {
	return p.market.InstanceTypes(ctx, pool)
}

type choice struct {
	machine  *cloudprovider.InstanceType
	offering *cloudprovider.Offering
}

// Create launches the cheapest available instance that the claim allows; if there is none it says why.
func (p *Provider) Create(ctx context.Context, claim *v1.NodeClaim) (*v1.NodeClaim, error) {
	class := &EC2NodeClass{}
	if err := p.client.Get(ctx, client.ObjectKey{Name: claim.Spec.NodeClassRef.Name}, class); err != nil {
		if errors.IsNotFound(err) {
			return nil, cloudprovider.NewInsufficientCapacityError(fmt.Errorf("resolving the EC2NodeClass, %w", err))
		}
		return nil, err
	}
	p.launching.Lock()
	defer p.launching.Unlock()
	chosen, err := p.choose(ctx, claim)
	if err != nil {
		return nil, err
	}
	node := p.node(claim, class, chosen)
	if id := node.Labels[reservationIDLabel]; id != "" {
		p.market.remember(node.Spec.ProviderID, id)
	}
	if err := p.client.Create(ctx, node.DeepCopy()); err != nil && !errors.IsAlreadyExists(err) {
		p.market.forget(node.Spec.ProviderID)
		return nil, fmt.Errorf("creating the node, %w", err)
	}
	return claimOf(node, chosen.machine), nil
}

func (p *Provider) choose(ctx context.Context, claim *v1.NodeClaim) (choice, error) {
	pool := &v1.NodePool{}
	if err := p.client.Get(ctx, client.ObjectKey{Name: claim.Labels[v1.NodePoolLabelKey]}, pool); err != nil {
		return choice{}, err
	}
	types, err := p.market.InstanceTypes(ctx, pool)
	if err != nil {
		return choice{}, err
	}
	faults, err := p.market.read()
	if err != nil {
		return choice{}, err
	}
	var refused []string
	for _, one := range choices(types, scheduling.NewNodeSelectorRequirementsWithMinValues(claim.Spec.Requirements...)) {
		place := Place{one.machine.Name, one.offering.Zone(), one.offering.CapacityType()}
		if !lacks(faults, place) {
			return one, nil
		}
		p.market.sellOut(place)
		refused = append(refused, fmt.Sprintf("%s %s in %s", place.Capacity, place.Machine, place.Zone))
	}
	if len(refused) == 0 {
		return choice{}, cloudprovider.NewInsufficientCapacityError(fmt.Errorf("all requested instance types were unavailable during launch"))
	}
	return choice{}, cloudprovider.NewInsufficientCapacityError(
		fmt.Errorf("InsufficientInstanceCapacity: no capacity (a fault of the sandbox) for %s", strings.Join(refused, ", ")))
}

// choices, the cheapest first.
func choices(types []*cloudprovider.InstanceType, wanted scheduling.Requirements) []choice {
	var found []choice
	for _, machine := range types {
		if wanted.Compatible(machine.Requirements, scheduling.AllowUndefinedWellKnownLabels) != nil {
			continue
		}
		for _, offering := range machine.Offerings.Launchable().Compatible(wanted) {
			found = append(found, choice{machine, offering})
		}
	}
	slices.SortStableFunc(found, func(a, b choice) int { return cmp.Compare(a.offering.Price, b.offering.Price) })
	return found
}

func (p *Provider) node(claim *v1.NodeClaim, class *EC2NodeClass, chosen choice) *corev1.Node {
	labels := maps.Clone(claim.Labels)
	for _, requirements := range []scheduling.Requirements{chosen.machine.Requirements, chosen.offering.Requirements} {
		for _, requirement := range requirements {
			if requirement.Operator() == corev1.NodeSelectorOpIn && requirement.Len() == 1 {
				labels[requirement.Key] = requirement.Values()[0]
			}
		}
	}
	labels[corev1.LabelHostname] = claim.Name
	labels[awsGroup+"/ec2nodeclass"] = class.Name
	digest := sha256.Sum256([]byte(claim.UID))
	annotations := map[string]string{"kwok.x-k8s.io/node": "fake", hashAnnotation: class.hash(), amiAnnotation: class.amiHash()}
	// GPUs and network interfaces are left out: device plugins publish them once the node is there.
	devices := p.market.devices(chosen.machine.Name)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: claim.Name, Labels: labels, Annotations: annotations},
		Spec: corev1.NodeSpec{
			ProviderID: fmt.Sprintf("%s%s/i-%s", providerPrefix, chosen.offering.Zone(), hex.EncodeToString(digest[:])[:17]),
			Taints:     []corev1.Taint{v1.UnregisteredNoExecuteTaint},
		},
		Status: corev1.NodeStatus{
			Capacity:    without(chosen.machine.Capacity, devices),
			Allocatable: without(chosen.machine.Allocatable(), devices),
		},
	}
}

func (m *Market) devices(machine string) corev1.ResourceList {
	for _, one := range m.machines.Machines {
		if one.Name == machine {
			return one.Devices
		}
	}
	return nil
}

func without(list, taken corev1.ResourceList) corev1.ResourceList {
	found := corev1.ResourceList{}
	for name, quantity := range list {
		if _, ok := taken[name]; !ok {
			found[name] = quantity
		}
	}
	return found
}

// claimOf returns what Karpenter learns about an instance; `machine` is nil where nothing asks for its full capacity.
func claimOf(node *corev1.Node, machine *cloudprovider.InstanceType) *v1.NodeClaim {
	claim := &v1.NodeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name: node.Name, Labels: node.Labels, Annotations: node.Annotations, CreationTimestamp: node.CreationTimestamp,
		},
		Status: v1.NodeClaimStatus{
			NodeName: node.Name, ProviderID: node.Spec.ProviderID, Capacity: node.Status.Capacity, Allocatable: node.Status.Allocatable,
		},
	}
	if machine != nil {
		claim.Status.Capacity, claim.Status.Allocatable = machine.Capacity, machine.Allocatable()
		claim.Status.NodeName = ""
	}
	return claim
}

// Delete terminates the instance; its node goes when Karpenter's finalizer does.
func (p *Provider) Delete(ctx context.Context, claim *v1.NodeClaim) error {
	p.market.forget(claim.Status.ProviderID)
	node, err := p.find(ctx, claim.Status.ProviderID)
	if err != nil {
		return err
	}
	p.terminated.Store(claim.Status.ProviderID, true)
	if node.DeletionTimestamp.IsZero() {
		if err := p.client.Delete(ctx, node); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("terminating the instance, %w", err)
		}
	}
	return nil
}

func (p *Provider) Get(ctx context.Context, id string) (*v1.NodeClaim, error) {
	node, err := p.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return claimOf(node, nil), nil
}

func (p *Provider) find(ctx context.Context, id string) (*corev1.Node, error) {
	nodes := &corev1.NodeList{}
	if err := p.client.List(ctx, nodes, client.MatchingFields{"spec.providerID": id}); err != nil {
		return nil, err
	}
	if _, gone := p.terminated.Load(id); gone || len(nodes.Items) == 0 {
		return nil, cloudprovider.NewNodeClaimNotFoundError(fmt.Errorf("instance %s is terminated", id))
	}
	return &nodes.Items[0], nil
}

func (p *Provider) List(ctx context.Context) ([]*v1.NodeClaim, error) {
	nodes := &corev1.NodeList{}
	if err := p.client.List(ctx, nodes, client.HasLabels{v1.NodePoolLabelKey}); err != nil {
		return nil, err
	}
	var found []*v1.NodeClaim
	for i, node := range nodes.Items {
		if _, gone := p.terminated.Load(node.Spec.ProviderID); !gone && strings.HasPrefix(node.Spec.ProviderID, providerPrefix) {
			found = append(found, claimOf(&nodes.Items[i], nil))
		}
	}
	return found, nil
}

// IsDrifted compares what the instance was launched with to its class today, as the AWS provider's hashes do.
func (p *Provider) IsDrifted(ctx context.Context, claim *v1.NodeClaim) (cloudprovider.DriftReason, error) {
	class := &EC2NodeClass{}
	if err := p.client.Get(ctx, client.ObjectKey{Name: claim.Spec.NodeClassRef.Name}, class); err != nil {
		return "", client.IgnoreNotFound(err)
	}
	if was := claim.Annotations[amiAnnotation]; was != "" && was != class.amiHash() {
		return "AMIDrift", nil
	}
	if was := claim.Annotations[hashAnnotation]; was != "" && was != class.hash() {
		return "NodeClassDrift", nil
	}
	return "", nil
}

func (n *EC2NodeClass) amiHash() string { return hash(n.Spec.AMISelectorTerms) }

// hash leaves out what is compared otherwise, or does not change an instance that runs.
func (n *EC2NodeClass) hash() string {
	spec := n.Spec
	spec.AMISelectorTerms, spec.CapacityReservationSelectorTerms = nil, nil
	return hash(spec)
}

func hash(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // what was decoded from JSON can be encoded
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:])[:16]
}

package main

import (
	"context"

	"github.com/awslabs/operatorpkg/status"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// EC2NodeClass is as much of karpenter.k8s.aws/v1's as the simulation reads.
type EC2NodeClass struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   EC2NodeClassSpec   `json:"spec,omitempty"`
	Status EC2NodeClassStatus `json:"status,omitempty"`
}

// EC2NodeClassSpec tells apart what AMI drift and NodeClass drift come from.
type EC2NodeClassSpec struct {
	AMISelectorTerms                 []map[string]any  `json:"amiSelectorTerms,omitempty"`
	CapacityReservationSelectorTerms []ReservationTerm `json:"capacityReservationSelectorTerms,omitempty"`
	// What a node's launch is made of, and what therefore makes it drift when it changes.
	AMIFamily           any `json:"amiFamily,omitempty"`
	BlockDeviceMappings any `json:"blockDeviceMappings,omitempty"`
	InstanceStorePolicy any `json:"instanceStorePolicy,omitempty"`
	Kubelet             any `json:"kubelet,omitempty"`
	MetadataOptions     any `json:"metadataOptions,omitempty"`
	NetworkInterfaces   any `json:"networkInterfaces,omitempty"`
	Tags                any `json:"tags,omitempty"`
	UserData            any `json:"userData,omitempty"`
}

// ReservationTerm names a reservation, or describes which ones are meant.
type ReservationTerm struct {
	ID string `json:"id,omitempty"`
}

// reservationIDs are those of the terms. Terms by tag or owner stand for one reservation together.
func (n *EC2NodeClass) reservationIDs() []string {
	var found []string
	for _, term := range n.Spec.CapacityReservationSelectorTerms {
		if term.ID != "" {
			found = append(found, term.ID)
		}
	}
	if len(found) == 0 && len(n.Spec.CapacityReservationSelectorTerms) > 0 {
		found = append(found, "cr-"+hash(n.Name))
	}
	return found
}

type EC2NodeClassStatus struct {
	Conditions []status.Condition `json:"conditions,omitempty"`
}

type EC2NodeClassList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []EC2NodeClass `json:"items"`
}

// conditionTypes are the AWS provider's own.
var conditionTypes = []string{
	"AMIsReady", "CapacityReservationsReady", "InstanceProfileReady", "SecurityGroupsReady", "SubnetsReady", "ValidationSucceeded",
}

func init() {
	version := schema.GroupVersion{Group: awsGroup, Version: "v1"}
	metav1.AddToGroupVersion(scheme.Scheme, version)
	scheme.Scheme.AddKnownTypes(version, &EC2NodeClass{}, &EC2NodeClassList{})
}

func (n *EC2NodeClass) StatusConditions(options ...status.ForOption) status.ConditionSet {
	return status.NewReadyConditions(conditionTypes...).For(n, options...)
}

func (n *EC2NodeClass) GetConditions() []status.Condition { return n.Status.Conditions }

func (n *EC2NodeClass) SetConditions(conditions []status.Condition) { n.Status.Conditions = conditions }

func (n *EC2NodeClass) DeepCopy() *EC2NodeClass {
	out := *n
	n.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	// The rest of the spec is replaced, never changed in place.
	out.Spec.CapacityReservationSelectorTerms = append([]ReservationTerm(nil), n.Spec.CapacityReservationSelectorTerms...)
	out.Status.Conditions = append([]status.Condition(nil), n.Status.Conditions...)
	return &out
}

func (n *EC2NodeClass) DeepCopyObject() runtime.Object { return n.DeepCopy() }

func (n *EC2NodeClassList) DeepCopyObject() runtime.Object {
	out := *n
	out.Items = make([]EC2NodeClass, len(n.Items))
	for i := range n.Items {
		out.Items[i] = *n.Items[i].DeepCopy()
	}
	return &out
}

// NodeClassReadiness says of every EC2NodeClass that it is ready: images, subnets and roles are the simulated cloud's, and
// were checked where they were declared.
type NodeClassReadiness struct {
	client client.Client
}

func (r *NodeClassReadiness) Register(_ context.Context, manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).Named("nodeclass.readiness").For(&EC2NodeClass{}).Complete(r)
}

func (r *NodeClassReadiness) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	found := &EC2NodeClass{}
	if err := r.client.Get(ctx, request.NamespacedName, found); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := found.DeepCopy()
	conditions := found.StatusConditions()
	for _, kind := range conditionTypes {
		conditions.SetTrue(kind)
	}
	if conditions.Root().IsTrue() && len(before.Status.Conditions) == len(found.Status.Conditions) &&
		before.StatusConditions().Root().ObservedGeneration == found.Generation {
		return ctrl.Result{}, nil
	}
	wanted := found.DeepCopy()
	err := r.client.Status().Patch(ctx, found, client.MergeFrom(before))
	if errors.IsNotFound(err) { // gone, or a CRD that stands in for the real one and has no status subresource
		err = r.client.Patch(ctx, wanted, client.MergeFrom(before))
	}
	return ctrl.Result{}, client.IgnoreNotFound(err)
}

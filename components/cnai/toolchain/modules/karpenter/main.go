// Karpenter as the sandbox runs it: the real controllers, on a provider that extends Karpenter's own KWOK provider with
// our machine types, reservations that run out, and capacity that a faults file takes away.
//
// What upstream's `kwok` program lacks for that: reserved offerings (it never sets ReservationIDLabel), EC2NodeClass, and
// listening on loopback only.
package main

import (
	"context"
	"os"

	"github.com/awslabs/operatorpkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/cloudprovider/overlay"
	"sigs.k8s.io/karpenter/pkg/controllers"
	"sigs.k8s.io/karpenter/pkg/controllers/node/health"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
	"sigs.k8s.io/karpenter/pkg/operator"
	"sigs.k8s.io/karpenter/pkg/operator/injection"
	"sigs.k8s.io/karpenter/pkg/operator/options"
)

func main() {
	ctx := injection.WithOptionsOrDie(context.Background(), options.Injectables...)
	machines, err := ReadMachines(optionsFrom(ctx).Machines)
	if err != nil {
		fail(err)
	}
	RegisterLabels(machines)
	op, err := NewOperator(ctx)
	if err != nil {
		fail(err)
	}
	flags := optionsFrom(ctx)
	market := &Market{client: op.GetClient(), machines: machines, faults: flags.Faults, reservedFile: flags.Reservations}
	provider := NewProvider(ctx, op.GetClient(), market)
	if err := (&NodeClassReadiness{client: op.GetClient()}).Register(ctx, op.Manager); err != nil {
		fail(err)
	}
	op.WithControllers(ctx, karpenter(ctx, op, provider)...).Start(ctx)
}

func karpenter(ctx context.Context, op *operator.Operator, bare cloudprovider.CloudProvider) []controller.Controller {
	var kube client.Client = op.GetClient()
	provider := overlay.Decorate(bare, kube, op.InstanceTypeStore)
	repairs, err := health.NewRepairPolicyMatcher(ctx, provider)
	if err != nil {
		fail(err)
	}
	cluster := state.NewCluster(op.Clock, kube, provider, state.WithRepairPolicyMatcher(repairs))
	return controllers.NewControllers(
		ctx, op.Manager, op.Clock, kube, op.EventRecorder, provider, bare, cluster, op.InstanceTypeStore, op.PredictionStore,
	)
}

func fail(err error) {
	_, _ = os.Stderr.WriteString("karpenter: " + err.Error() + "\n")
	os.Exit(1)
}

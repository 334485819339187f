// SPDX-License-Identifier: Apache-2.0
#include "sim/modem_options.hpp"

#include "sim/chance.hpp"

namespace narrowgate::sim {
namespace {

template <class Mode>
Mode draw(Chance& chance, Mode last) {
    return static_cast<Mode>(chance.below(static_cast<unsigned>(last) + 1));
}

ModemManners draw_manners(Chance& chance) {
    ModemManners manners;
    manners.echo = chance.happens(0.5);
    manners.answer_jitter = chance.between(milliseconds(0), milliseconds(300));
    manners.answers_garbage = chance.happens(0.5);
    manners.announcement_space = chance.happens(0.5);
    manners.announcement = draw(chance, Announcement::kOneByOne);
    manners.empty_read = draw(chance, EmptyRead::kSilent);
    manners.remaining = draw(chance, Remaining::kDatagram);
    manners.lone_carriage_return = chance.happens(0.5);
    manners.error_numbers = draw(chance, ErrorNumbers::kStrange);
    manners.attach_is_disabled = chance.happens(0.5);
    manners.signal_in_tenths = chance.happens(0.5);
    manners.send_unregistered = draw(chance, SendUnregistered::kSwallowed);
    return manners;
}

ModemLife draw_life(Chance& chance) {
    ModemLife life;
    life.autoconnect = chance.happens(0.5);
    life.banner = draw(chance, Banner::kNone);
    life.boot_noise = chance.below(40);
    life.keeps_psm_settings = chance.happens(0.5);
    life.keeps_sockets_in_psm = chance.happens(0.5);
    life.wake_lost_bytes = chance.below(5);
    life.wake_loss_varies = chance.happens(0.5);
    life.wake_garbles = chance.happens(0.3);
    life.wake_time = chance.happens(0.3) ? milliseconds(50) : milliseconds(0);
    return life;
}

ModemNetwork draw_network(Chance& chance) {
    ModemNetwork network;
    network.search_time = chance.between(milliseconds(1'000), milliseconds(60'000));
    network.roaming = chance.happens(0.5);
    network.denied_attempts = chance.below(3);
    network.connect_time = chance.between(milliseconds(100), milliseconds(5'000));
    network.grants_psm = chance.happens(0.8);
    network.holds_downlinks_in_psm = chance.happens(0.5);
    network.link.delay = chance.between(milliseconds(50), milliseconds(4'000));
    network.link.jitter = chance.between(milliseconds(0), milliseconds(6'000));
    network.link.loss = 0.03;
    network.link.duplication = 0.02;
    network.link.reorder = 0.02;
    network.nat_timeout = milliseconds(120'000);
    network.rebind_every = std::chrono::hours(1);
    return network;
}

}  // namespace

ModemOptions draw_modem(std::uint64_t seed) {
    Chance chance(seed);
    ModemOptions options;
    options.manners = draw_manners(chance);
    options.life = draw_life(chance);
    options.network = draw_network(chance);
    options.defects = {.lost_urc = 0.03,
                       .urc_in_answer = 0.1,
                       .lost_answer = 0.01,
                       .busy_send = 0.05,
                       .reboot_in_send = 0.01,
                       .reboot_every = std::chrono::hours(6),
                       .flap_every = std::chrono::minutes(30),
                       .flap_time = chance.between(milliseconds(2'000), milliseconds(300'000))};
    return options;
}

}  // namespace narrowgate::sim

// SPDX-License-Identifier: Apache-2.0
//
// With a service manager as sd_notify(3) describes it: a socket that takes notes and copies of descriptors.
#include "narrowgate/io/udp_keeper.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/io/cid_steering.hpp"
#include "narrowgate/io/udp_group.hpp"

namespace narrowgate::io {
namespace {

class FakeManager {
public:
    FakeManager() {
        socket_ = FileDescriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        // An abstract name that the kernel chooses (unix(7), autobind).
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socklen_t bytes = sizeof(sa_family_t);
        EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), bytes), 0);
        bytes = sizeof address;
        EXPECT_EQ(getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &bytes), 0);
        const std::string name(&address.sun_path[1], bytes - offsetof(sockaddr_un, sun_path) - 1);
        setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
        thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
    }
    ~FakeManager() { unsetenv("NOTIFY_SOCKET"); }
    FakeManager(const FakeManager&) = delete;
    FakeManager& operator=(const FakeManager&) = delete;

    // Copies of all that is stored, as the next process is given them.
    std::vector<KeptDescriptor> hand_out() {
        settle();
        const std::scoped_lock lock(mutex_);
        std::vector<KeptDescriptor> copies;
        for (const KeptDescriptor& kept : stored_)
            copies.push_back({.name = kept.name, .descriptor = FileDescriptor(dup(kept.descriptor.get()))});
        return copies;
    }
    // Names in the order in which they were to be forgotten.
    std::vector<std::string> forgotten() {
        settle();
        const std::scoped_lock lock(mutex_);
        return forgotten_;
    }

private:
    // What was sent before has been read when a barrier has passed.
    static void settle() { ServiceManager().forget("nothing of that name"); }

    void serve(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            pollfd poller{.fd = socket_.get(), .events = POLLIN, .revents = 0};
            if (poll(&poller, 1, 20) == 1) take();
        }
    }
    void take() {
        std::array<char, 1024> text{};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        iovec vector{text.data(), text.size()};
        msghdr header{};
        header.msg_iov = &vector;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const ssize_t bytes = recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
        ASSERT_GE(bytes, 0);
        FileDescriptor descriptor;
        if (const cmsghdr* first = CMSG_FIRSTHDR(&header);
            first != nullptr && first->cmsg_type == SCM_RIGHTS) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(first), sizeof fd);
            descriptor = FileDescriptor(fd);
        }
        std::istringstream lines(std::string(text.data(), static_cast<std::size_t>(bytes)));
        std::string what;
        std::string name;
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with("FDNAME=")) name = line.substr(7);
            if (line == "FDSTORE=1" || line == "FDSTOREREMOVE=1") what = line;
        }
        const std::scoped_lock lock(mutex_);
        if (what == "FDSTORE=1") stored_.push_back({name, std::move(descriptor)});
        if (what != "FDSTOREREMOVE=1" || name == "nothing of that name") return;
        std::erase_if(stored_, [&](const KeptDescriptor& kept) { return kept.name == name; });
        forgotten_.push_back(name);
    }

    FileDescriptor socket_;
    std::mutex mutex_;
    std::vector<KeptDescriptor> stored_;
    std::vector<std::string> forgotten_;
    std::jthread thread_;
};

// One process of the service after another. What is in `group` and `surplus` ends with it.
struct Process {
    Process(FakeManager& fake, const Address& listen, std::size_t count) : keeper(manager, fake.hand_out()) {
        surplus = keeper.take(listen);
        taken = std::min(surplus.size(), count);
        auto opened = open_udp_group({.listen = listen}, count, kSteering, surplus);
        EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().text());
        group = std::move(*opened);
        keeper.keep(group, taken);
    }
    ServiceManager manager;
    UdpKeeper keeper;
    std::size_t taken = 0;
    std::vector<UdpSocket> group;
    std::vector<UdpSocket> surplus;
};

Bytes record(std::uint8_t cid_byte) {
    Bytes record(40, 0xee);
    record[0] = 25;
    record[11] = cid_byte;
    return record;
}

void send(const Address& to, std::uint8_t cid_byte) {
    auto node = UdpSocket::open({.listen = *Address::from_text("127.0.0.1:0")});
    ASSERT_TRUE(node.has_value());
    node->send({node->local(), to}, record(cid_byte));
    node->flush();
    ASSERT_EQ(node->counters().sent, 1u);
}

// The bytes that tell of a CID, of all that waits. Loopback delivers before sendmsg(2) returns.
std::vector<int> waiting(UdpSocket& socket) {
    std::vector<int> found;
    (void)socket.receive([&](ByteView datagram, const Path&) { found.push_back(datagram[11]); });
    return found;
}

std::string name(std::size_t number, const Address& address) {
    return "udp-" + std::to_string(number) + "-127.0.0.1." + std::to_string(address.port);
}

const Address kAny = *Address::from_text("127.0.0.1:0");

// Nobody is there while they come, and none is lost; the kernel steers as it did.
TEST(UdpKeeperTest, WhatComesBetweenTwoProcessesWaitsForTheSecond) {
    FakeManager manager;
    Address address;
    {
        const Process first(manager, kAny, 3);
        address = first.group.front().local();
    }
    for (std::uint8_t cid = 0; cid < 6; ++cid)
        send(address, cid);
    Process second(manager, address, 3);
    EXPECT_EQ(second.taken, 3u);
    EXPECT_EQ(waiting(second.group[0]), (std::vector{0, 3}));
    EXPECT_EQ(waiting(second.group[1]), (std::vector{1, 4}));
    EXPECT_EQ(waiting(second.group[2]), (std::vector{2, 5}));
    send(address, 4);
    EXPECT_EQ(waiting(second.group[1]), std::vector{4});
    EXPECT_EQ(manager.hand_out().size(), 3u) << "no socket is left twice";
}

TEST(UdpKeeperTest, MoreShardsJoinThoseThatAreThere) {
    FakeManager manager;
    Address address;
    {
        const Process first(manager, kAny, 1);
        address = first.group.front().local();
    }
    Process second(manager, address, 3);
    EXPECT_EQ(second.taken, 1u);
    for (std::uint8_t cid = 0; cid < 3; ++cid)
        send(address, cid);
    for (int shard = 0; shard < 3; ++shard)
        EXPECT_EQ(waiting(second.group[static_cast<std::size_t>(shard)]), std::vector{shard});
    EXPECT_EQ(manager.hand_out().size(), 3u);
}

TEST(UdpKeeperTest, FewerShardsReadTheOthersEmptyAndSteerByTheNewNumber) {
    FakeManager manager;
    Address address;
    {
        const Process first(manager, kAny, 3);
        address = first.group.front().local();
    }
    send(address, 2);
    Process second(manager, address, 2);
    ASSERT_EQ(second.surplus.size(), 1u);
    send(address, 5);  // 5 % 3 is the socket that goes, 5 % 2 is not
    second.keeper.release(second.surplus[0], 2);
    EXPECT_EQ(manager.forgotten(), std::vector{name(2, address)});
    EXPECT_EQ(waiting(second.surplus[0]), std::vector{2});
    EXPECT_EQ(waiting(second.group[1]), std::vector{5});
    second.surplus.clear();
    send(address, 1);
    EXPECT_EQ(waiting(second.group[1]), std::vector{1});
    EXPECT_EQ(manager.hand_out().size(), 2u);
}

// The kernel has given the missing one's number to another: which, nobody can tell.
TEST(UdpKeeperTest, BehindAMissingNumberSocketsAreClosedFromTheHighest) {
    FakeManager manager;
    Address address;
    {
        const Process first(manager, kAny, 4);
        address = first.group.front().local();
    }
    ServiceManager().forget(name(1, address));
    Process second(manager, address, 2);
    EXPECT_EQ(second.taken, 1u);
    EXPECT_EQ(manager.forgotten(), (std::vector{name(1, address), name(3, address), name(2, address)}));
    send(address, 0);
    send(address, 1);
    EXPECT_EQ(waiting(second.group[0]), std::vector{0});
    EXPECT_EQ(waiting(second.group[1]), std::vector{1});
}

TEST(UdpKeeperTest, AnAddressThatIsNoLongerListenedOnIsFreed) {
    FakeManager manager;
    Address former;
    {
        const Process first(manager, kAny, 2);
        former = first.group.front().local();
    }
    Process second(manager, kAny, 1);
    ASSERT_NE(second.group.front().local(), former);
    EXPECT_FALSE(UdpSocket::open({.listen = former}).has_value()) << "it is still held";
    second.keeper.finish();
    EXPECT_EQ(manager.forgotten(), (std::vector{name(1, former), name(0, former)}));
    EXPECT_TRUE(UdpSocket::open({.listen = former}).has_value());
}

// A name of a later version, and a descriptor that is no UDP socket under a name of ours.
TEST(UdpKeeperTest, WhatItDoesNotKnowIsGivenBack) {
    FakeManager manager;
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const FileDescriptor in(pipe[0]);
    const FileDescriptor out(pipe[1]);
    ServiceManager().keep("something-else", in.get());
    ServiceManager().keep("udp-0-127.0.0.1.5684", out.get());
    const ServiceManager service;
    UdpKeeper keeper(service, manager.hand_out());
    EXPECT_TRUE(manager.hand_out().empty());
    EXPECT_TRUE(keeper.take(*Address::from_text("127.0.0.1:5684")).empty());
}

// Started by hand.
TEST(UdpKeeperTest, WithoutAServiceManagerNothingIsKeptAndNothingWaits) {
    unsetenv("NOTIFY_SOCKET");
    const ServiceManager manager;
    EXPECT_TRUE(manager.take_kept().empty());
    UdpKeeper keeper(manager, {});
    auto group = open_udp_group({.listen = kAny}, 2, kSteering);
    ASSERT_TRUE(group.has_value());
    keeper.keep(*group, 0);
    keeper.release(group->front(), 0);
    keeper.finish();
    EXPECT_TRUE(keeper.take(group->front().local()).empty());
}

}  // namespace
}  // namespace narrowgate::io
